"""Typing and judging the rows of prepared files into a temporary table; the lake is only read."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Sequence
from datetime import datetime

import duckdb

from include.config.domain import FIELDS, Domain
from include.contracts import EVENT_FIELDS, ITEM_FIELDS, USER_FIELDS
from include.errors import DataError
from include.ingest.mapping import read_columns
from include.ingest.positions import drop_rejects, place_rows
from include.ingest.reading import group_key, reader_sql
from include.ingest.rows import rows_sql
from include.landing.prepare import PreparedFile

log = logging.getLogger(__name__)
TYPES = {name: type_ for name, type_, _ in (*EVENT_FIELDS, *ITEM_FIELDS, *USER_FIELDS)}


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
        f" (nj_file integer, seq bigint, position bigint, reason varchar, raw varchar, {fields})"
    )
    columns = read_columns(con, domain.sources[kind])
    problems: dict[int, str] = {}
    readable = [file for file in files if file.rows > 0 and file.problem is None and file.repeats is None]
    for _, neighbours in itertools.groupby(readable, key=group_key):
        group = list(neighbours)
        try:
            _stage_group(con, domain, kind, group, table, columns, ingested_at)
        except duckdb.Error as error:
            _raise_if_not_the_data(error)
            for file in group:
                try:
                    _stage_group(con, domain, kind, [file], table, columns, ingested_at)
                except duckdb.Error as own:
                    _raise_if_not_the_data(own)
                    problems[file.number] = f"unreadable: {str(own)[:500]}"
                    log.warning("%s/%s: %s", kind, file.name, problems[file.number])
    return problems


def _stage_group(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    kind: str,
    group: Sequence[PreparedFile],
    table: str,
    columns: Sequence[str],
    ingested_at: datetime,
) -> None:
    drop_rejects(con)
    reader, own = reader_sql(group, columns)
    has_marks = any(file.has_marks for file in group)
    rows = rows_sql(domain, kind, reader, own, ingested_at, has_marks)
    fields = ", ".join(FIELDS[kind])
    con.execute(
        f"insert into {table} (nj_file, seq, reason, raw, {fields})"
        f" select nj_file, (nj_file::bigint << 40) + nj_row, reason, raw, {fields} from ({rows})"
    )
    place_rows(con, table, group)
    drop_rejects(con)


def _raise_if_not_the_data(error: duckdb.Error) -> None:
    """A full disk or too little memory is not the file's fault; a mapping that fails is the domain's."""
    text = str(error)
    if isinstance(error, duckdb.OutOfMemoryException) or "No space left" in text:
        raise error
    if isinstance(error, duckdb.BinderException | duckdb.ConversionException | duckdb.ParserException):
        raise DataError(
            f"the column mapping or a reject rule of the domain file failed on the data: {text[:500]};"
            " write it so that it gives null for what it cannot read (try_cast)"
        ) from error
