"""Merging what ticks leave behind: fewer files, the same rows, then and now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.config.domain import Domain
from include.lake.lake import Lake
from include.refresh import compact as compaction
from include.refresh.compact import TABLES, compact, due_tables
from include.refresh.refresh_run import refresh
from include.settings import Settings
from tests.support.books import NEWEST, NOW, Run, publications, purchase
from tests.support.nightly import land


def rows(lake: Lake, at: str = "") -> list[list[tuple]]:
    return [lake.rows(f"select * from {table} {at} order by all") for table in TABLES if table != "ops.fence"]


def test_fewer_files_hold_the_same_rows_now_and_before(lake: Lake, settings: Settings, tick: Run) -> None:
    for n in range(4):
        at = NEWEST + timedelta(minutes=n + 1)
        land(settings, "events", f"{n}.jsonl", [purchase(f"u0{n % 2}", f"b{n + 9:02}", at)])
        tick()
        if n == 1:
            early, early_rows = lake.snapshot(), rows(lake)
    before, files = rows(lake), {table: len(lake.files(table)) for table in TABLES}
    compact(lake, run_id="test")
    assert rows(lake) == before
    assert rows(lake, f"at (version => {early})") == early_rows
    assert len(lake.files("ops.ingests")) < files["ops.ingests"]
    assert len(lake.files("serving.recommendations")) < files["serving.recommendations"]


def test_files_that_later_ticks_deleted_from_are_merged_too(
    lake: Lake, settings: Settings, tick: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of each tick's three lists the next one replaces one: too few for DuckLake to write the others anew."""
    monkeypatch.setattr(compaction, "REWRITTEN_SHARES", {})
    for n in range(4):
        at = NEWEST + timedelta(minutes=n + 1)
        events = [purchase(f"u0{user}", f"b{n + 9:02}", at) for user in (2 * n, 2 * n + 1, 2 * n + 2)]
        land(settings, "events", f"{n}.jsonl", events)
        tick()
    table = "serving.recommendations"
    assert sum(deleted is not None for _, deleted in lake.files(table)) >= 4
    before = rows(lake)
    compact(lake, run_id="test")
    assert rows(lake) == before
    assert [deleted for _, deleted in lake.files(table)] == [None]
    assert lake.rows(f"select * from {table}") == lake.rows(f"select * from {table} order by user_id, rank")


def test_every_nth_publication_calls_for_it() -> None:
    n = compaction.EVERY_PUBLICATIONS
    before, due, after = (f"{number:08}-refresh-x" for number in (4 * n - 1, 4 * n, 4 * n + 1))
    assert due_tables([before, due], 0) == TABLES
    assert due_tables([before, after], 0) == () and due_tables([], 0) == ()


def test_many_lists_at_once_call_for_their_own_table() -> None:
    assert due_tables(["00000001-refresh-x"], compaction.LARGE_ROWS) == ("serving.recommendations",)
    assert due_tables(["00000001-refresh-x"], compaction.LARGE_ROWS - 1) == ()


def test_a_refresh_run_merges_when_due(
    lake: Lake, settings: Settings, domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "EVERY_PUBLICATIONS", 2)
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", NEWEST + timedelta(minutes=1))])
    before = len(lake.files("ops.ingests"))
    told: list[int] = []
    ticks = refresh(
        settings, domain, run_id="r", clock=lambda: NOW, progress=lambda tick: told.append(tick.users)
    )
    assert told == [1] and len(ticks) == 1
    assert publications(lake) == ["nightly", "refresh"] and len(lake.files("ops.ingests")) <= before
    [(stage, rows_in, rows_out)] = lake.rows(
        "select stage, rows_in, rows_out from ops.stages where run_id = 'r'"
    )
    assert (stage, rows_in, rows_out) == ("refresh", 1, 5)
