"""The connection that answers readers: read-only, on the lake's own files, its settings locked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar, cast

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from include.errors import LakeError
from include.lake.catalog import quote
from include.lake.lake import Lake, open_lake
from include.settings import Settings

T = TypeVar("T")
# The catalog's file is locked for milliseconds when a writer closes it; a reader that met it and left the
# waiting to SQLite answered a second later.
LOCKED_SECONDS = 10.0
PAUSE_SECONDS = 0.002


def when_unlocked(work: Callable[[], T]) -> T:
    """``work``, again and again while the catalog's file is locked.  Raises what it raises after that."""
    tries = Retrying(
        stop=stop_after_delay(LOCKED_SECONDS),
        wait=wait_fixed(PAUSE_SECONDS),
        retry=retry_if_exception(_is_locked),
        reraise=True,
    )
    return tries(work)


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, duckdb.Error | LakeError) and "database is locked" in str(error)


# Beside BEGIN and ROLLBACK, which keep an answer to one snapshot.
_ALLOWED = (duckdb.StatementType.SELECT, duckdb.StatementType.TRANSACTION)
# Functions of the loaded extensions open files, and databases, whatever the settings say. One names
# the lake's files and opens none.
_OPENS_FILES = re.compile(r"\b(?!ducklake_list_files\b)(sqlite|postgres|ducklake)_\w+\s*\(", re.IGNORECASE)


class ReadingConnection:
    """A connection that runs queries and nothing else.

    DuckDB's own lock lets an attached reader copy over the lake's files, which it must be allowed to read,
    and lets the catalog's extension attach, and write, any database file.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con
        self._known: set[str] = set()

    def execute(self, query: str, parameters: object = None) -> duckdb.DuckDBPyConnection:
        """Raises LakeError on anything but a query, and on what opens files of its own."""
        if query not in self._known:  # the reader asks the same few over and over
            kinds = [statement.type for statement in duckdb.extract_statements(query)]
            if any(kind not in _ALLOWED for kind in kinds) or _OPENS_FILES.search(query):
                raise LakeError(f"a reader runs queries on the lake and nothing else; got {query[:100]!r}")
            self._known.add(query)
        return self._con.execute(query, parameters)

    def register(self, name: str, rows: object) -> None:
        """Name rows that are in memory."""
        self._con.register(name, rows)

    def unregister(self, name: str) -> None:
        self._con.unregister(name)

    def close(self) -> None:
        self._con.close()


def open_reader(settings: Settings) -> Lake:
    """The lake for reading alone: whatever SQL came through could neither write nor open another file.

    Raises LakeError where there is no lake.
    """
    lake = when_unlocked(lambda: open_lake(settings, read_only=True, busy_ms=0))
    # The rows of one user lie in a few row groups: a second thread only costs its start.
    lake.con.execute("set threads = 1")
    lake.disable_file_cache()
    lake.con.execute(f"set allowed_directories = [{quote(lake.catalog.data)}]")
    lake.con.execute("set enable_external_access = false")
    lake.con.execute("set lock_configuration = true")
    return Lake(cast(duckdb.DuckDBPyConnection, ReadingConnection(lake.con)), lake.catalog, settings)
