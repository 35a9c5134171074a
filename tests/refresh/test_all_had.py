"""Who has had everything has an empty list, and holds nobody up."""

from __future__ import annotations

from datetime import timedelta

from include.lake.lake import Lake
from include.settings import Settings
from tests.support.books import NEWEST, Run, listed, purchase
from tests.support.nightly import land

LATER = NEWEST + timedelta(minutes=1)


def test_a_tick_of_someone_who_has_had_everything_alone(lake: Lake, settings: Settings, tick: Run) -> None:
    land(settings, "events", "all.jsonl", [purchase("u00", f"b{n:02}", LATER) for n in range(30)])
    done = tick()
    assert done is not None and done.users == 1
    assert listed(lake, "u00") == []
    land(settings, "events", "next.jsonl", [purchase("u01", listed(lake, "u01")[0], LATER)])
    assert tick() is not None and len(listed(lake, "u01")) == 5
