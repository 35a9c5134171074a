"""A home that was moved, copied or restored: its catalog follows.

DuckLake keeps where the data lie in the catalog, and whole paths of the files that it adopted.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from include.errors import LakeError
from include.lake.catalog import Catalog

log = logging.getLogger(__name__)
# Tables of the catalog with paths that may be whole ones.
_WITH_PATHS = ("ducklake_data_file", "ducklake_delete_file", "ducklake_files_scheduled_for_deletion")


def relocate(catalog: Catalog, *, busy_ms: int) -> bool:
    """Have a SQLite catalog name the data folder that lies beside it now; whether it named another.

    Its own folder is the one meant, also where the other still exists: a copy never writes into what it was
    copied from. Raises LakeError while the file is locked.
    """
    file = Path(catalog.target)
    if catalog.kind != "sqlite" or not catalog.is_local or not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=busy_ms / 1000, isolation_level=None)) as con:
            held = _data_path(con)
            if held is None or held == catalog.data or not Path(catalog.data).is_dir():
                return False
            con.execute("begin immediate")
            for table in _WITH_PATHS:
                con.execute(
                    f"update {table} set path = ? || substr(path, ?)"
                    " where not path_is_relative and substr(path, 1, ?) = ?",
                    (catalog.data, len(held) + 1, len(held), held),
                )
            con.execute("update ducklake_metadata set value = ? where key = 'data_path'", (catalog.data,))
            con.execute("commit")
    except sqlite3.DatabaseError as error:
        raise LakeError(f"cannot read the lake's catalog {file}: {error}") from error
    log.warning("the lake was moved from %s to %s: its catalog follows", held, catalog.data)
    return True


def _data_path(con: sqlite3.Connection) -> str | None:
    """None: the catalog has no tables yet."""
    if not con.execute("select 1 from sqlite_master where name = 'ducklake_metadata'").fetchall():
        return None
    row = con.execute("select value from ducklake_metadata where key = 'data_path'").fetchone()
    return None if row is None else str(row[0])
