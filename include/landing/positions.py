"""Positions of quarantined rows, and rows that the CSV reader threw out."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from include.landing.prepare import PreparedFile
from include.landing.reading import REJECT_SCANS, REJECTS
from include.landing.rows import MAX_RAW_CHARS


def drop_rejects(con: duckdb.DuckDBPyConnection) -> None:
    """The reader appends to these tables, and makes them anew when they are gone."""
    con.execute(f"drop table if exists {REJECTS}")
    con.execute(f"drop table if exists {REJECT_SCANS}")


def place_rows(con: duckdb.DuckDBPyConnection, table: str, files: Sequence[PreparedFile]) -> None:
    """Add the rejected rows of a group to the staged ``table`` and give every bad row its position.

    A reader numbers the rows that it returns over the whole group; a row's position in its file follows from
    the first number of the file and from the rejected lines before it.
    """
    numbers = ", ".join(str(file.number) for file in files)
    if files[0].format == "offsets":
        con.execute(
            f"update {table} set position = seq - (nj_file::bigint << 40)"
            f" where nj_file in ({numbers}) and reason is not null"
        )
        return
    bad = con.execute(
        f"select count(*) from {table} where nj_file in ({numbers}) and reason is not null"
    ).fetchone()
    assert bad is not None
    has_rejects = files[0].format != "parquet" and collect_rejects(con, files)
    if not bad[0] and not has_rejects:
        return
    con.execute(
        f"create or replace temp table nj_starts as select nj_file, min(seq) as start from {table}"
        f" where nj_file in ({numbers}) group by nj_file"
    )
    skipped = "0"
    if has_rejects:
        # The i-th rejected line at position p has p - i good rows before it.
        skipped = (
            f"(select count(*) from nj_bad_lines b where b.nj_file = {table}.nj_file"
            " and b.good_before < seq - s.start + 1)"
        )
    con.execute(
        f"update {table} set position = seq - s.start + 1 + {skipped} from nj_starts s"
        f" where s.nj_file = {table}.nj_file and reason is not null"
    )
    con.execute(f"delete from {table} where reason = ''")
    if has_rejects:
        con.execute(
            f"insert into {table} (nj_file, seq, position, reason, raw)"
            " select nj_file, position, position, reason, raw from nj_bad_lines"
        )


def collect_rejects(con: duckdb.DuckDBPyConnection, files: Sequence[PreparedFile]) -> bool:
    """Make nj_bad_lines: one row a rejected line; whether there are any."""
    header_lines = 1 if files[0].format == "csv" else 0
    con.execute(
        "create or replace temp table nj_bad_lines as"
        " with numbers as (select unnest(?::varchar[]) as file_path, unnest(?::integer[]) as nj_file),"
        " lines as ("
        "   select n.nj_file, r.line, min(case when r.error_type::varchar = 'LINE SIZE OVER MAXIMUM'"
        "     then 'line_too_long' else 'torn_row: ' || lower(r.error_type::varchar) end) as reason,"
        f"    left(any_value(ltrim(r.csv_line, chr(10))), {MAX_RAW_CHARS}) as raw"
        f"  from {REJECTS} r join {REJECT_SCANS} s on s.scan_id = r.scan_id and s.file_id = r.file_id"
        "   join numbers n on n.file_path = s.file_path group by all)"
        f" select nj_file, line - {header_lines} as position, reason, raw,"
        f"  line - {header_lines} - row_number() over (partition by nj_file order by line) as good_before"
        " from lines",
        [[str(file.path) for file in files], [file.number for file in files]],
    )
    row = con.execute("select count(*) from nj_bad_lines").fetchone()
    assert row is not None
    return bool(row[0])
