"""The connection that answers readers: read-only, on the lake's own files, its settings locked."""

from __future__ import annotations

from include.lake.catalog import quote
from include.lake.lake import Lake, open_lake
from include.settings import Settings


def open_reader(settings: Settings) -> Lake:
    """The lake for reading alone: whatever SQL came through could neither write nor open another file.

    Raises LakeError where there is no lake.
    """
    lake = open_lake(settings, read_only=True)
    # The rows of one user lie in a few row groups: a second thread only costs its start.
    lake.con.execute("set threads = 1")
    lake.con.execute(f"set allowed_directories = [{quote(lake.catalog.data)}]")
    lake.con.execute("set enable_external_access = false")
    lake.con.execute("set lock_configuration = true")
    return lake
