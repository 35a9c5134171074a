"""CSV files with a quote that nobody closes: such a quote would swallow the lines after it.

The file is read a second time by lines: a line with an odd number of quotes is torn and quarantined, all
others are rows again. Rows whose quoted fields hold line breaks count as torn in such a file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import duckdb

from include.lake.catalog import quote
from include.landing.files import exact_path
from include.landing.positions import collect_rejects, drop_rejects
from include.landing.prepare import PreparedFile
from include.landing.reading import REJECT_SCANS, REJECTS, line_source
from include.landing.rows import MAX_RAW_CHARS


def swallowed_files(con: duckdb.DuckDBPyConnection, files: Sequence[PreparedFile]) -> list[PreparedFile]:
    """Files of the group just read in which a rejected row is more than a line, or too long for one."""
    if files[0].format != "csv":
        return []
    paths = con.execute(
        f"select distinct s.file_path from {REJECTS} r"
        f" join {REJECT_SCANS} s on s.scan_id = r.scan_id and s.file_id = r.file_id"
        " where contains(trim(r.csv_line, chr(10)), chr(10))"
        " or r.error_type::varchar in ('LINE SIZE OVER MAXIMUM', 'UNQUOTED VALUE')"
    ).fetchall()
    broken = {row[0] for row in paths}
    return [file for file in files if str(file.path) in broken]


def split_lines(con: duckdb.DuckDBPyConnection, file: PreparedFile) -> PreparedFile:
    """The file of the lines that are whole.

    Leaves temp tables for ``merge_torn``: nj_torn (position, reason, raw) of the other lines, and nj_kept
    (kept, position): position in the returned file -> position in the original.
    """
    drop_rejects(con)
    source = line_source(f"[{quote(exact_path(file.path))}]")
    con.execute(
        "create or replace temp table nj_lines as select row_number() over () as n, nj_line,"
        " (length(nj_line) - length(replace(nj_line, '\"', ''))) % 2 = 1 as is_torn"
        f" from {source}"
    )
    collect_rejects(con, [file])
    drop_rejects(con)
    con.execute(
        "create or replace temp table nj_lines as select l.nj_line, l.is_torn,"
        " l.n - 1 + (select count(*) from nj_bad_lines b where b.good_before + 1 < l.n) as position"
        " from nj_lines l where nj_line is not null"
    )
    con.execute(
        "create or replace temp table nj_torn as"
        f" select position, 'torn_row: quote not closed' as reason, left(nj_line, {MAX_RAW_CHARS}) as raw"
        "  from nj_lines where is_torn and position > 0"
        " union all select position, reason, raw from nj_bad_lines"
    )
    con.execute(
        "create or replace temp table nj_kept as"
        " select row_number() over (order by position) - 1 as kept, position"
        " from nj_lines where not is_torn or position = 0"
    )
    kept = file.path.with_suffix(".kept.csv")
    con.execute(
        "copy (select nj_line from nj_lines where not is_torn or position = 0 order by position)"
        f" to {quote(str(kept))} (format csv, header false, quote '', escape '', delimiter '\x07')"
    )
    con.execute("drop table nj_lines")
    return dataclasses.replace(file, path=kept)


def merge_torn(con: duckdb.DuckDBPyConnection, file: PreparedFile, table: str) -> None:
    """Give the staged rows of a split file their positions in the original, and add its torn lines."""
    con.execute(
        f"update {table} set position = k.position from nj_kept k"
        f" where {table}.nj_file = ? and k.kept = {table}.position",
        [file.number],
    )
    con.execute(
        f"insert into {table} (nj_file, seq, position, reason, raw)"
        " select ?, position, position, reason, raw from nj_torn",
        [file.number],
    )
    con.execute("drop table nj_kept")
    con.execute("drop table nj_torn")
