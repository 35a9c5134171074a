"""The connection that ticks: its threads, and what it keeps in memory."""

from __future__ import annotations

import duckdb
import pytest

from include.lake.lake import Lake
from include.lake.user_search import searching
from include.refresh import refresh_run as refreshes
from include.refresh.refresh_run import open_for_ticks
from include.serving.connection import open_reader
from include.settings import Settings


def test_a_tick_keeps_to_one_thread_but_searches_a_large_lake_on_all(
    lake: Lake, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def threads(opened: Lake) -> int:
        return int(opened.value("select current_setting('threads')"))

    every_core = threads(lake)
    for large_bytes, in_search in ((1 << 40, 1), (1, every_core)):
        monkeypatch.setattr(refreshes, "LARGE_BYTES", large_bytes)
        with open_for_ticks(settings) as opened:
            assert threads(opened) == 1
            with searching(opened.con):
                assert threads(opened) == in_search
            opened.con.execute("begin")
            with pytest.raises(duckdb.Error, match="no_such_table"), searching(opened.con):
                opened.con.execute("from no_such_table")
            opened.con.execute("rollback")
            assert threads(opened) == 1
    with searching(lake.con):
        assert threads(lake) == every_core


def test_what_ticks_and_readers_read_of_files_is_not_kept(lake: Lake, settings: Settings) -> None:
    """Each tick writes new files: a process that stays for hours would hold a copy of all of them."""

    def kept_bytes(opened: Lake) -> int:
        opened.rows("select * from features.user_items")
        memory = "select memory_usage_bytes from duckdb_memory() where tag = 'EXTERNAL_FILE_CACHE'"
        return int(opened.value(memory))

    for opening in (open_for_ticks, open_reader):
        with opening(settings) as opened:
            assert kept_bytes(opened) == 0
    assert kept_bytes(lake) > 0
