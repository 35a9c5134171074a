"""The connection that answers readers: read-only, on the lake's own files, its settings locked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

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
    return lake
