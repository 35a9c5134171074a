"""Merging the small files that ticks leave behind, so that reads do not slow down between nightlies."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence

import duckdb

from include.contracts import TABLES as CONTRACTS
from include.lake.catalog import ALIAS, quote
from include.lake.lake import Lake
from include.lake.lock import writer_lock

log = logging.getLogger(__name__)
# A tick adds a file to each table, which every later tick and read may open. Merging takes about as long as a
# tick.
EVERY_PUBLICATIONS = 8
# What every tick adds files to.
TABLES = (
    "raw.events",
    "features.user_items",
    "features.user_portraits",
    "serving.recommendations",
    "serving.candidate_lists",
    "serving.publications",
    "ops.ingests",
    "ops.watermarks",
    "ops.fence",
)
# The nightly's large files are left alone until this share of their rows is gone. Each read of a list looks
# through the deleted rows of the file it lies in, which took as long as all else when most were gone.
REWRITTEN_SHARE = 0.5
REWRITTEN_SHARES = {"serving.recommendations": 0.1}
# So many rows of lists leave so many deleted ones behind that reads would wait for them until the next merge.
LARGE_ROWS = 10_000
# Files below it are gathered into one, again and again until that is larger: 0.1 s for each megabyte.
SMALL_BYTES = 1_000_000
# Files that one merge makes of a table: a backfill leaves hundreds of days with a few files each, whose merge
# would keep ticks waiting for half a minute. The rest is for the next time.
MERGED_AT_ONCE = 8
GATHERED = "gathered_rows"


def due_tables(publication_ids: Iterable[str], rows: int) -> tuple[str, ...]:
    """What to merge after ticks: all where one of them is an EVERY_PUBLICATIONS-th, whatever process made the
    others.  rows: of lists that they wrote."""
    if any(int(name.partition("-")[0]) % EVERY_PUBLICATIONS == 0 for name in publication_ids):
        return TABLES
    return ("serving.recommendations",) if rows >= LARGE_ROWS else ()


def compact(lake: Lake, *, run_id: str, tables: Sequence[str] = TABLES) -> None:
    """Merge the small files of some of TABLES.

    What rows there are stays the same, and old snapshots stay readable: `maintain_lake` expires them and
    removes the files.
    """
    for table in tables:
        started = time.monotonic()
        if CONTRACTS[table].sort:
            gather(lake, table, run_id=run_id)
        schema, name = table.split(".")
        target = f"{quote(ALIAS)}, {quote(name)}, schema => {quote(schema)}"
        # Not by Lake.write: DuckLake compacts in commits that change nothing else, not even the fence row.
        with writer_lock(lake.lock_path, run_id):
            share = REWRITTEN_SHARES.get(table, REWRITTEN_SHARE)
            lake.rows(f"call ducklake_rewrite_data_files({target}, delete_threshold => {share})")
            lake.rows(
                f"call ducklake_merge_adjacent_files({target}, max_compacted_files => {MERGED_AT_ONCE})"
            )
        log.info("merged the files of %s in %.2f s", table, time.monotonic() - started)


def gather(lake: Lake, table: str, *, run_id: str) -> None:
    """Write the rows of a table's small files into one, in the table's order.

    DuckLake merges no file that has deleted rows, and ticks delete from what earlier ticks wrote: such files
    would pile up, and each read would open them all. Its merge also leaves rows in the order of the files,
    so that a reader of one user could skip none.
    """
    if len(small_files(lake, table)) < 2:
        return

    def work(con: duckdb.DuckDBPyConnection) -> None:
        # Looked up again: another process may have gathered meanwhile.
        files = ", ".join(quote(file) for file in small_files(lake, table)) or "null"
        order = ", ".join(f'"{column}"' for column in CONTRACTS[table].sort)
        con.execute(
            f"create or replace temp table {GATHERED} as"
            f" select * from {table} where filename in ({files}) order by {order}"
        )
        con.execute(f"delete from {table} where filename in ({files})")
        con.execute(f"insert into {table} select * from {GATHERED}")
        con.execute(f"drop table {GATHERED}")

    lake.write(work, run_id=run_id, message=f"gather {table}")


def small_files(lake: Lake, table: str) -> list[str]:
    """Paths of the table's files below SMALL_BYTES."""
    schema, name = table.split(".")
    listed = f"ducklake_list_files({quote(ALIAS)}, {quote(name)}, schema => {quote(schema)})"
    return [
        str(path)
        for (path,) in lake.rows(
            f"select data_file from {listed} where data_file_size_bytes < {SMALL_BYTES} order by data_file"
        )
    ]
