"""The live lists in memory, for answers in well under a millisecond; kept current by watching the lake.

A list of the lake costs some 10 ms to read, most of it in the catalog. What a refresh writes is read anew for
the people it touched; whatever else changes the lists (a nightly, a rollback, a merge of files) has all of
them read again, beside the ones that answer until then.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pyarrow as pa

from include.lake.lake import Lake

log = logging.getLogger(__name__)
# 30 bytes a row: 300 MB. Of larger sets no list is held, and each is read from the lake.
MAX_ROWS = 10_000_000
# Lists that refreshes brought, beside the whole set: of so many users, or so large a share of them.
MIN_NEWER, MAX_NEWER_SHARE = 1000, 0.2
_COLUMNS = "user_id, item_id, score, source, reason, publication_id, model_version, generated_at"
_TABLE = "serving.recommendations"
Row = tuple[str, float, str, str]


@dataclass(frozen=True)
class LiveList:
    """rows: (item_id, score, source, reason), best first."""

    publication_id: str
    model_version: str
    as_of: datetime
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class _Set:
    """All lists of one reading: columns of codes, and the words behind them; where each user's rows begin."""

    starts: np.ndarray
    place: dict[str, int]
    columns: dict[str, tuple[np.ndarray, list[str]]]
    score: np.ndarray
    as_of: np.ndarray

    def get(self, user_id: str) -> LiveList | None:
        at = self.place.get(user_id)
        if at is None:
            return None
        rows = slice(self.starts[at], self.starts[at + 1])
        item, source, reason = (self._words(name, rows) for name in ("item_id", "source", "reason"))
        scores = self.score[rows].tolist()
        first = int(rows.start)
        publication, version = (
            self.columns[name][1][self.columns[name][0][first]]
            for name in ("publication_id", "model_version")
        )
        as_of = self.as_of[first].astype("datetime64[us]").item()
        return LiveList(publication, version, as_of, tuple(zip(item, scores, source, reason, strict=True)))

    def _words(self, name: str, rows: slice) -> list[str]:
        codes, words = self.columns[name]
        return [words[code] for code in codes[rows].tolist()]


@dataclass
class LiveLists:
    """Call `refresh` again and again, from one thread; `get` from any."""

    _set: _Set | None = None
    _newer: dict[str, LiveList | None] = field(default_factory=dict)
    _snapshot: int = -1
    _files: tuple[object, ...] = ()
    _publication: str = ""
    is_held: bool = False

    def get(self, user_id: str) -> LiveList | None:
        """The user's list; None where they have none, or the set is too large to hold."""
        newer, whole = self._newer, self._set
        if user_id in newer:
            return newer[user_id]
        return None if whole is None else whole.get(user_id)

    def refresh(self, lake: Lake) -> bool:
        """Look whether the lake has moved on, and follow it.  Returns whether anything changed."""
        snapshot = lake.snapshot()
        if snapshot == self._snapshot:
            return False
        files = tuple(lake.files(_TABLE))
        if files != self._files and not self._follow(lake):
            self._read_all(lake)
        self._snapshot, self._files = snapshot, files
        return True

    def _follow(self, lake: Lake) -> bool:
        """Read what refreshes since the last look wrote; whether that is all that happened."""
        if self._set is None:
            return False
        since = lake.rows(
            "select publication_id, kind, users from serving.publications where publication_id > ?"
            " order by publication_id",
            [self._publication],
        )
        if not since or any(kind != "refresh" for _, kind, _ in since):
            return False
        names = [row[0] for row in since]
        found = _fetch(lake, "publication_id in (select unnest(?))", [names])
        lists = _lists(found)
        # Someone whose list became empty is in no row: then all is read, since nobody says who it was.
        if len(names) > 1 or len(lists) != since[0][2]:
            return False
        newer = {**self._newer, **lists}
        if len(newer) > max(MIN_NEWER, MAX_NEWER_SHARE * len(self._set.place)):
            return False  # read together they take a fifth of the memory
        self._newer = newer
        self._publication = names[-1]
        return True

    def _read_all(self, lake: Lake) -> None:
        newest = lake.value("select max(publication_id) from serving.publications") or ""
        rows = lake.value(f"select count(*) from {_TABLE}")
        self.is_held = rows <= MAX_ROWS
        whole = _make_set(_fetch(lake, "true", [])) if self.is_held else None
        if not self.is_held:
            log.warning("%d rows of lists are more than are held in memory; each is read from the lake", rows)
        self._set, self._newer, self._publication = whole, {}, newest


def _fetch(lake: Lake, condition: str, parameters: list[object]) -> pa.Table:
    return lake.con.execute(
        f"select {_COLUMNS} from {_TABLE} where {condition} order by user_id, rank", parameters
    ).to_arrow_table()


def _make_set(rows: pa.Table) -> _Set:
    words = {
        name: _encoded(rows.column(name))
        for name in _COLUMNS.split(", ")
        if name not in ("score", "generated_at")
    }
    users, names = words.pop("user_id")
    starts = np.flatnonzero(np.diff(users, prepend=-1, append=-1))
    place = {names[users[start]]: at for at, start in enumerate(starts[:-1].tolist())}
    score = rows.column("score").to_numpy()
    as_of = rows.column("generated_at").to_numpy()
    return _Set(starts, place, words, score, as_of)


def _encoded(column: pa.ChunkedArray) -> tuple[np.ndarray, list[str]]:
    coded = column.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    return coded.indices.to_numpy(), coded.dictionary.to_pylist()


def _lists(rows: pa.Table) -> dict[str, LiveList | None]:
    made = _make_set(rows) if rows.num_rows else None
    return {} if made is None else {user: made.get(user) for user in made.place}
