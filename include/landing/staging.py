"""Typing and judging the rows of prepared files into a temporary table; the lake is only read."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from include.config.domain import FIELDS, Domain
from include.contracts import EVENT_FIELDS, ITEM_FIELDS, RELATION_FIELDS, USER_FIELDS
from include.errors import DataError
from include.landing.mapping import read_columns
from include.landing.positions import drop_rejects, place_rows
from include.landing.prepare import PreparedFile
from include.landing.reading import group_key, reader_sql
from include.landing.rows import rows_sql
from include.landing.salvage import merge_torn, split_lines, swallowed_files

log = logging.getLogger(__name__)
# A share of fewer rows says little.
FEWEST_JUDGED_ROWS = 100
_MAPPING_ERRORS = (
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.ConversionException,
    duckdb.OutOfRangeException,
    duckdb.ParserException,
)
# What identical rows have in common. Fields are parted by characters that no landed text is likely to hold.
EVENT_HASH = (
    "md5(concat_ws(chr(31), user_id, item_id, event_type, epoch_us(event_at),"
    " coalesce(value::varchar, chr(30)), coalesce(session_id, chr(30))))"
)
TYPES = {name: type_ for name, type_, _ in (*EVENT_FIELDS, *ITEM_FIELDS, *USER_FIELDS, *RELATION_FIELDS)}


@dataclass(frozen=True)
class _Stage:
    """Where rows go, and what judges them.  columns: of the file, that the mapping reads.
    otherwise: reason of rows that have none of their own, where their file is refused."""

    con: duckdb.DuckDBPyConnection
    domain: Domain
    kind: str
    table: str
    columns: tuple[str, ...]
    ingested_at: datetime
    otherwise: str | None = None


def stage_rows(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    kind: str,
    files: Sequence[PreparedFile],
    table: str,
    ingested_at: datetime,
) -> dict[int, str]:
    """Fill ``table`` with the rows of ``files``.  Returns problem by number for files that broke while read.

    One statement reads all neighbours of the same format and columns. When it fails, its files are read
    one by one, so that a broken page costs its own file and no other.
    """
    fields = ", ".join(f"{field} {TYPES[field]}" for field in FIELDS[kind])
    con.execute(
        f"create or replace temp table {table}"
        f" (nj_file integer, seq bigint, position bigint, reason varchar, raw varchar, has_own_id boolean,"
        f" {fields})"
    )
    stage = _Stage(con, domain, kind, table, read_columns(con, domain.sources[kind]), ingested_at)
    problems: dict[int, str] = {}
    readable = [file for file in files if file.rows > 0 and file.problem is None and file.repeats is None]
    for _, neighbours in itertools.groupby(readable, key=group_key):
        group = list(neighbours)
        if _try_group(stage, group) is None:
            continue
        for file in group:
            if problem := _try_group(stage, [file]):
                problems[file.number] = f"unreadable: {problem[:500]}"
                log.warning("%s/%s: %s", kind, file.name, problems[file.number])
    return problems


def refuse_bad_files(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    kind: str,
    files: Sequence[PreparedFile],
    table: str,
    ingested_at: datetime,
) -> dict[int, str]:
    """Quarantine every row of a file that is mostly bad, since the rest of it is not to be trusted either.

    Its rows that have no reason of their own get one, and all of them can be replayed. Other files of the
    batch go on. Returns why, by the file's number; a file below FEWEST_JUDGED_ROWS is not judged.
    """
    limit = domain.quality.max_quarantined_share
    counted = con.execute(
        f"select nj_file, count(*), count(reason) from {table} group by nj_file"
        f" having count(*) >= {FEWEST_JUDGED_ROWS} and count(reason) > ? * count(*) order by nj_file",
        [limit],
    ).fetchall()
    columns = read_columns(con, domain.sources[kind]) if counted else ()
    by_number = {file.number: file for file in files}
    refused = {}
    for number, rows, bad in counted:
        why = f"refused_file: {bad:,} of its {rows:,} rows are bad, {limit:.0%} may be"
        stage = _Stage(con, domain, kind, table, columns, ingested_at, otherwise=why)
        _drop_rows(stage, [by_number[number]])
        if problem := _try_group(stage, [by_number[number]]):
            raise DataError(f"{kind}/{by_number[number].name} could be read once and not again: {problem}")
        refused[number] = why
        log.warning("%s/%s: %s", kind, by_number[number].name, why)
    return refused


def _try_group(stage: _Stage, group: Sequence[PreparedFile]) -> str | None:
    """Stage a group whole, or nothing of it; returns why it cannot be read."""
    try:
        _stage_group(stage, group)
        return None
    except duckdb.Error as error:
        _raise_if_not_the_data(error)
        _drop_rows(stage, group)
        return str(error)


def _drop_rows(stage: _Stage, files: Sequence[PreparedFile]) -> None:
    numbers = [file.number for file in files]
    stage.con.execute(f"delete from {stage.table} where list_contains(?, nj_file)", [numbers])


def _stage_group(stage: _Stage, group: Sequence[PreparedFile]) -> None:
    _read_group(stage, group)
    swallowed = swallowed_files(stage.con, group)
    _drop_rows(stage, swallowed)
    whole = [file for file in group if file not in swallowed]
    if whole:
        place_rows(stage.con, stage.table, whole)
    for file in swallowed:
        kept = split_lines(stage.con, file)
        _read_group(stage, [kept])
        place_rows(stage.con, stage.table, [kept])
        merge_torn(stage.con, file, stage.table)
    drop_rejects(stage.con)


def _read_group(stage: _Stage, group: Sequence[PreparedFile]) -> None:
    """Insert typed and judged rows; rejected ones stay in the reader's tables."""
    drop_rejects(stage.con)
    reader, own = reader_sql(group, stage.columns)
    has_marks = any(file.has_marks for file in group)
    blank = "tombstone" if group[0].format == "offsets" else ""
    rows = rows_sql(
        stage.domain,
        stage.kind,
        reader,
        own,
        stage.ingested_at,
        has_marks=has_marks,
        blank=blank,
        otherwise=stage.otherwise,
    )
    fields = ", ".join(FIELDS[stage.kind])
    has_own_id = "event_id is not null" if stage.kind == "events" else "null"
    values = fields.replace("event_id", f"coalesce(event_id, {EVENT_HASH})", 1)
    stage.con.execute(
        f"insert into {stage.table} (nj_file, seq, reason, raw, has_own_id, {fields})"
        f" select nj_file, (nj_file::bigint << 40) + nj_row, reason, raw, {has_own_id}, {values}"
        f" from ({rows})"
    )


def _raise_if_not_the_data(error: duckdb.Error) -> None:
    """A full disk or too little memory is not the file's fault; a mapping that fails is the domain's."""
    text = str(error)
    is_full = "No space left" in text or "Could not write" in text
    if is_full or isinstance(error, duckdb.OutOfMemoryException):
        raise error
    if isinstance(error, _MAPPING_ERRORS):
        raise DataError(
            f"the column mapping or a reject rule of the domain file failed on the data: {text[:500]};"
            " write it so that it gives null for what it cannot read (try_cast)"
        ) from error
