"""A home that was moved, copied or restored: its catalog follows.

DuckLake keeps where the data lie in the catalog, and whole paths of the files that it adopted.
"""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb

from include.errors import LakeError
from include.lake.catalog import Catalog, quote
from include.lake.transactions import roll_back

log = logging.getLogger(__name__)
_NAME = "moved_catalog"
# Tables of the catalog with paths that may be whole ones.
_WITH_PATHS = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")


def relocate(con: duckdb.DuckDBPyConnection, catalog: Catalog, *, busy_ms: int) -> bool:
    """Have a SQLite catalog name the data folder that lies beside it now; whether it named another.

    con: with the catalog's extensions loaded, and no lake attached yet. Not Python's own SQLite: of two
    copies of it in one process, the one that closes a file takes the other's locks off it
    (sqlite.org/howtocorrupt.html, 2.2.1), and the next writer cuts off the WAL index that a reader of this
    process is in. Its own folder is the one meant, also where the other still exists: a copy never writes
    into what it was copied from. Raises LakeError while the file is locked.
    """
    file = Path(catalog.target)
    if catalog.kind != "sqlite" or not catalog.is_local or not file.is_file():
        return False
    try:
        con.execute(
            f"attach {quote(str(file))} as {_NAME}"
            f" (type sqlite, journal_mode 'WAL', busy_timeout {int(busy_ms)})"
        )
        try:
            held = _data_path(con)
            if held is None or held == catalog.data or not Path(catalog.data).is_dir():
                return False
            _move(con, held, catalog.data)
        finally:
            con.execute(f"detach {_NAME}")
    except duckdb.Error as error:
        raise LakeError(f"cannot read the lake's catalog {file}: {error}") from error
    log.warning("the lake was moved from %s to %s: its catalog follows", held, catalog.data)
    return True


def _move(con: duckdb.DuckDBPyConnection, held: str, data: str) -> None:
    con.execute("begin")
    try:
        for table in _WITH_PATHS:
            con.execute(
                f"update {_NAME}.{table} set path = $1 || substr(path, $2)"
                " where not path_is_relative and substr(path, 1, $3) = $4",
                [data, len(held) + 1, len(held), held],
            )
        con.execute(f"update {_NAME}.ducklake_metadata set value = $1 where key = 'data_path'", [data])
        con.execute("commit")
    except BaseException:
        roll_back(con)
        raise


def _data_path(con: duckdb.DuckDBPyConnection) -> str | None:
    """None: the catalog has no tables yet."""
    if not con.execute(
        "select 1 from duckdb_tables() where database_name = $1 and table_name = 'ducklake_metadata'", [_NAME]
    ).fetchall():
        return None
    row = con.execute(f"select value from {_NAME}.ducklake_metadata where key = 'data_path'").fetchone()
    return None if row is None else str(row[0])
