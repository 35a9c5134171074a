"""What the lake says of an item, a person or the publications: small queries for apps and pages."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from include.errors import DataError
from include.lake.catalog import ALIAS
from include.lake.lake import Lake
from include.retrieval.source import Relation
from include.serving.connection import open_reader, when_unlocked
from include.settings import Settings

T = TypeVar("T")
# Of nightjar.snapshots(), which tells what each changed too, a day of refreshes takes 0.1 s.
_SNAPSHOTS = f"select snapshot_id from __ducklake_metadata_{ALIAS}.ducklake_snapshot"
MAX_ROWS = 1000
# Refreshes that are told apart: a day of them would be a list nobody reads, and hide the nightlies.
READABLE_REFRESHES = 100
# What the relation of similar items may be asked for by.
RELATIONS = {
    "together": (Relation.TOGETHER.value, Relation.SUBSTITUTE.value, Relation.COMPLEMENT.value),
    "similar": (Relation.SIMILAR.value, Relation.SUBSTITUTE.value),
    "substitute": (Relation.SUBSTITUTE.value,),
    "complement": (Relation.COMPLEMENT.value,),
}


@dataclass(frozen=True)
class Freshness:
    """The newest publication and how far it is behind what was taken in; None: nothing is published yet.

    nightly_at: when the newest nightly, or rollback, was published.  newest_event_at: of all taken in.
    """

    publication_id: str | None
    model_version: str | None
    as_of: datetime | None
    published_at: datetime | None
    nightly_at: datetime | None
    newest_event_at: datetime | None


class LookUps:
    """Answers from a read-only connection of its own; threads take turns."""

    def __init__(self, settings: Settings) -> None:
        self._lake = open_reader(settings)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._lake.close()

    def freshness(self) -> Freshness:
        newest = self._all(
            "select publication_id, model_version, as_of, published_at from serving.publications"
            " order by publication_id desc limit 1"
        )
        if not newest:
            return Freshness(None, None, None, None, None, None)
        nightly = self._all(
            "select max(published_at) as at from serving.publications where kind in ('nightly', 'rollback')"
        )
        event = self._all("select max(last_event_at) as at from features.user_items")
        return Freshness(**newest[0], nightly_at=nightly[0]["at"], newest_event_at=event[0]["at"])

    def publications(self, n: int, before: str = "") -> list[dict[str, Any]]:
        """The newest first.  before: id of the publication after which to go on."""
        return self._all(
            "select publication_id, kind, as_of, published_at, model_version, users, rows"
            " from serving.publications where ? = '' or publication_id < ?"
            " order by publication_id desc limit ?",
            before,
            before,
            _checked(n),
        )

    def readable_publications(self) -> list[dict[str, Any]]:
        """Those whose lists can still be read as they were, the newest first; of refreshes the newest 100."""
        return self._all(
            "select publication_id, kind, as_of, published_at, model_version, users, snapshot"
            " from serving.publications"
            f" where snapshot in ({_SNAPSHOTS})"
            " qualify row_number() over (partition by kind = 'refresh' order by publication_id desc) <= ?"
            " order by publication_id desc",
            READABLE_REFRESHES,
        )

    def publication(self, publication_id: str) -> dict[str, Any] | None:
        """A publication, readable or not; snapshot: None where its lists can no longer be read."""
        found = self._all(
            "select publication_id, kind, as_of, published_at, model_version, users,"
            f" if(snapshot in ({_SNAPSHOTS}), snapshot, null) as snapshot"
            " from serving.publications where publication_id = ?",
            publication_id,
        )
        return found[0] if found else None

    def popular(self, segment: str, n: int, after: int = 0) -> list[dict[str, Any]]:
        """Ranks after ``after`` of a segment; none where there is no such segment."""
        return self._all(
            "select popular.rank, popular.item_id, coalesce(items.title, popular.item_id) as title,"
            " popular.score, popular.publication_id"
            " from serving.popular_items as popular left join raw.items as items using (item_id)"
            " where popular.segment = ? and popular.rank > ? order by popular.rank limit ?",
            segment,
            after,
            _checked(n),
        )

    def similar(self, item_id: str, n: int, relation: str | None = None) -> list[dict[str, Any]]:
        """The nearest first.  relation: a key of RELATIONS; None: all.  Raises DataError on another one."""
        if relation is not None and relation not in RELATIONS:
            raise DataError(f"relation is {relation[:40]!r}; expected one of {', '.join(RELATIONS)}")
        return self._all(
            "select row_number() over (order by near.rank)::integer as rank, near.similar_item_id as item_id,"
            " coalesce(items.title, near.similar_item_id) as title, near.score, near.relation,"
            " near.publication_id"
            " from serving.similar_items as near"
            " left join raw.items as items on near.similar_item_id = items.item_id"
            " where near.item_id = ? and (? is null or near.relation in (select unnest(?::varchar[])))"
            " order by near.rank limit ?",
            item_id,
            relation,
            list(RELATIONS.get(relation or "", ())),
            _checked(n),
        )

    def item(self, item_id: str) -> dict[str, Any] | None:
        """The item's row and its labels; None where there is none."""
        found = self._all(
            "select item_id, title, description, category, tags, available_from, available_to"
            " from raw.items where item_id = ?",
            item_id,
        )
        if not found:
            return None
        labels = self._all(
            "select attribute, label, confidence, origin from features.item_attributes where item_id = ?"
            " order by attribute, confidence desc, label",
            item_id,
        )
        return found[0] | {"attributes": labels}

    def history(self, user_id: str, n: int, after: int = 0) -> list[dict[str, Any]]:
        """What a user did, an item a row, the newest first; after: rows to leave out."""
        return self._all(
            "select pairs.item_id, coalesce(items.title, pairs.item_id) as title, pairs.events,"
            " pairs.first_event_at, pairs.last_event_at, pairs.weight"
            " from features.user_items as pairs left join raw.items as items using (item_id)"
            " where pairs.user_id = ? order by pairs.last_event_at desc, pairs.item_id limit ? offset ?",
            user_id,
            _checked(n),
            after,
        )

    def profile(self, user_id: str) -> dict[str, Any] | None:
        """Taste and intent in words and figures; None of someone without an item."""
        found = self._all(
            "select profile, interests, intent, as_of from features.user_portraits where user_id = ?", user_id
        )
        return found[0] if found else None

    def find_users(self, begins_with: str, n: int) -> list[str]:
        """Ids of people with a portrait, in order."""
        rows = self._all(
            "select user_id from features.user_portraits where starts_with(user_id, ?)"
            " order by length(user_id), user_id limit ?",
            begins_with,
            _checked(n),
        )
        return [row["user_id"] for row in rows]

    def titles(self, item_ids: Sequence[str]) -> dict[str, str]:
        rows = self._all(
            "select item_id, title from raw.items where item_id in (select unnest(?::varchar[]))",
            list(item_ids),
        )
        return {row["item_id"]: row["title"] for row in rows if row["title"]}

    def table(self, sql: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Names and rows of a query of ours."""

        def ask(lake: Lake) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
            found = lake.con.execute(sql)
            return tuple(column[0] for column in found.description), found.fetchall()

        return self.work(ask)

    def work(self, work: Callable[[Lake], T]) -> T:
        """What ``work`` reads, at one snapshot; again from its start while the catalog's file is locked."""

        def at_one_snapshot() -> T:
            self._lake.con.execute("begin")
            try:
                return work(self._lake)
            finally:
                self._lake.con.execute("rollback")

        with self._lock:
            return when_unlocked(at_one_snapshot)

    def _all(self, sql: str, *parameters: object) -> list[dict[str, Any]]:
        return self.work(lambda lake: rows_of(lake, sql, *parameters))


def rows_of(lake: Lake, sql: str, *parameters: object) -> list[dict[str, Any]]:
    """Rows by the names of their columns."""
    found = lake.con.execute(sql, parameters)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _checked(n: int) -> int:
    if not 1 <= n <= MAX_ROWS:
        raise DataError(f"n is {n}; expected 1 to {MAX_ROWS}")
    return n
