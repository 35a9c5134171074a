"""Rows of a person as they landed: in files and in quarantine, by the domain file's own mapping.

A file may call the person 17850.0 in a column CustomerID; whose row it is, only the mapping says. So files
are read by the reader that takes them in, and an event whose *value* is 7 is not the person 7's.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from include.config.domain import Domain
from include.config.domain_file import RejectRule
from include.errors import DataError
from include.lake.catalog import NO_PATH_COLUMNS, quote
from include.landing.fields import id_sql, text_sql
from include.landing.files import PendingFile, exact_path, file_format, landing_folder, list_files
from include.landing.mapping import field_expressions, json_pointer, needed_columns, read_columns
from include.landing.prepare import prepare_file
from include.landing.reading import identifier
from include.landing.staging import stage_rows
from include.operations.file_search import holds, whole_word
from include.settings import Settings, utc_now

KINDS = ("events", "users")
_TABLE = "nj_person_rows"
_MARK = "nj_person"


@dataclass(frozen=True)
class PersonFile:
    """A landing file with rows of a person.

    name: as events/2026-01-31.jsonl below NIGHTJAR_HOME/landing (is_ours); else its path: it is a producer's.
    rows: of the file, whoever's.  positions: of the person's, from 1, a header not counted; none of a file
    that cannot be read and yet names them.
    """

    kind: str
    name: str
    path: Path
    rows: int
    positions: tuple[int, ...]
    is_ours: bool


def find_person_files(domain: Domain, settings: Settings, user_id: str) -> Iterator[PersonFile]:
    """Reads every landing file once, by its kind's mapping; what cannot be read is searched for the id."""
    named = re.compile(whole_word(user_id).encode())
    with _Reader(settings, user_id) as reader:
        for kind in KINDS:
            marked = _marking(domain, kind, user_id)
            for file in list_files(landing_folder(domain, settings, kind), kind):
                rows, positions = reader.read(marked, file) or (0, ())
                if positions or (not rows and holds(file.path, named)):
                    is_ours = file.path.is_relative_to(settings.landing)
                    name = f"{kind}/{file.name}" if is_ours else str(file.path)
                    yield PersonFile(kind, name, file.path, rows, positions, is_ours)


class _Reader:
    """Reads landing files as they are taken in, on a connection and in a folder of its own."""

    def __init__(self, settings: Settings, user_id: str) -> None:
        self._user_id = user_id
        self._con = duckdb.connect()
        self._con.execute("set timezone = 'UTC'")
        self._folder = tempfile.TemporaryDirectory(dir=settings.home / "tmp", prefix="person-")

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *error: object) -> None:
        self._con.close()
        self._folder.cleanup()

    def read(self, domain: Domain, file: PendingFile) -> tuple[int, tuple[int, ...]] | None:
        """(rows, positions of those that ``domain`` marks or that name the person); None: unreadable."""
        con, kind = self._con, file.kind
        needed = needed_columns(con, domain.sources[kind])
        limit = domain.quality.max_file_mb * 1e6
        prepared = prepare_file(con, file, 0, needed, Path(self._folder.name), limit)
        if prepared is None or prepared.problem is not None:
            return None
        if stage_rows(con, domain, kind, [prepared], _TABLE, utc_now()):
            return None
        # A row that is bad before it is anybody's, as one that is no JSON, is theirs if it names them.
        found = con.execute(
            f"select position from {_TABLE} where reason = '{_MARK}' or (reason is not null and user_id = ?)"
            " or (user_id is null and regexp_matches(raw, ?)) order by position",
            [self._user_id, whole_word(self._user_id)],
        ).fetchall()
        rows = con.execute(f"select count(*) from {_TABLE}").fetchone()
        assert rows is not None
        return int(rows[0]), tuple(position for (position,) in found)


def _marking(domain: Domain, kind: str, user_id: str) -> Domain:
    """The same domain, by which the person's rows have a reason of their own."""
    source = domain.sources[kind]
    is_theirs = f"{_id_of(domain, kind)} = {quote(user_id)}"
    rule = RejectRule(reason=_MARK, when=is_theirs)
    marked = dataclasses.replace(source, reject=(rule, *source.reject))
    return dataclasses.replace(domain, sources={**domain.sources, kind: marked})


def _id_of(domain: Domain, kind: str) -> str:
    """SQL of the user id as it is taken in, over the landed columns."""
    given = field_expressions(domain.sources[kind])["user_id"]
    return id_sql(text_sql(f"({given})::varchar"))


def quarantined_sql(domain: Domain, user_id: str) -> str:
    """Condition on raw.quarantine: rows of the person by the mapping, and what is no JSON and names them."""
    with duckdb.connect() as con:
        mapped = [_quarantined_of(con, domain, kind, user_id) for kind in KINDS]
    named = f"not json_valid(raw) and regexp_matches(raw, {quote(whole_word(user_id))})"
    return f"({' or '.join((*mapped, f'({named})'))})"


def _quarantined_of(con: duckdb.DuckDBPyConnection, domain: Domain, kind: str, user_id: str) -> str:
    columns = ", ".join(
        f"json_extract_string(nj_json, {json_pointer(name)}) as {identifier(name)}"
        for name in read_columns(con, domain.sources[kind])
    )
    rows = (
        "select raw as nj_raw, case when json_valid(raw) then raw end as nj_json from raw.quarantine"
        f" where starts_with(source, '{kind}')"
    )
    return (
        f"raw in (select nj_raw from (select nj_raw, {columns} from ({rows}))"
        f" where {_id_of(domain, kind)} = {quote(user_id)})"
    )


def write_without(file: PersonFile, target: Path) -> None:
    """The file without the person's rows, every other byte of text as it was.

    Raises DataError where its rows cannot be told apart as the reader tells them.
    """
    if file_format(file.path.name) == "parquet":
        dropped = ", ".join(str(position - 1) for position in file.positions)
        with duckdb.connect() as con:
            con.execute(
                "copy (select * exclude (file_row_number) from"
                f" read_parquet([{quote(exact_path(file.path))}], {NO_PATH_COLUMNS}, file_row_number = true)"
                f" where file_row_number not in ({dropped}))"
                f" to {quote(str(target))} (format parquet)"
            )
        return
    opened = gzip.open if file.path.name.lower().endswith(".gz") else open
    with opened(file.path, "rb") as source, opened(target, "wb") as out:
        records = _csv_records(source) if file_format(file.path.name) == "csv" else iter(source)
        dropped_rows, first = set(file.positions), 0 if file_format(file.path.name) == "csv" else 1
        for number, record in enumerate(records, start=first):
            if number not in dropped_rows:
                out.write(record)


def _csv_records(source: Iterable[bytes]) -> Iterator[bytes]:
    """Raw bytes of each record, the header first; a quoted field may hold line breaks."""
    taken: list[bytes] = []

    def lines() -> Iterator[str]:
        for line in source:
            taken.append(line)
            yield line.decode("utf-8", "surrogateescape")

    csv.field_size_limit(1 << 30)
    for _ in csv.reader(lines()):
        yield b"".join(taken)
        taken.clear()
    if taken:
        yield b"".join(taken)


def check_rewritten(
    domain: Domain, settings: Settings, file: PersonFile, rewritten: Path, user_id: str
) -> None:
    """Raises DataError where the new file holds the person, or not every other row of the old one."""
    stat = rewritten.stat()
    pending = PendingFile(file.kind, file.path.name, rewritten, stat.st_size, stat.st_mtime_ns)
    with _Reader(settings, user_id) as reader:
        rows, left = reader.read(_marking(domain, file.kind, user_id), pending) or (0, ())
    if left or rows != file.rows - len(file.positions):
        raise DataError(
            f"{file.path}: its rows cannot be taken out one by one (torn lines?): of {file.rows:,},"
            f" {len(file.positions)} of the person, {rows:,} would be left; it is as it was: mend it by hand"
        )
