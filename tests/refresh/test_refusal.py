"""A refused tick takes nothing in; its error and the lake say what waits, and why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from include.errors import GateError
from include.lake.lake import Lake
from include.quality import gates
from include.quality.check_kinds import Check, NoRows
from include.settings import Settings
from tests.support.books import NEWEST, Run, purchase
from tests.support.nightly import land

LATER = NEWEST + timedelta(minutes=1)
LAG = "select lag_rows from ops.watermarks where source = 'events'"
KEPT = "select expectation, observed, is_success from ops.quality_results where expectation like '%no book%'"


@pytest.fixture
def stern(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The input gate with a check that book 7 does not hold."""
    check = Check("events", "no book 7", NoRows("select * from {batch} where item_id = 'b07'"))
    monkeypatch.setattr(gates, "input_checks", lambda *_, **__: (check,))
    return monkeypatch


def test_the_error_and_the_lake_say_what_waits_and_why(
    lake: Lake, settings: Settings, tick: Run, stern: pytest.MonkeyPatch
) -> None:
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER), purchase("", "b01", LATER)])
    events = lake.value("select count(*) from raw.events")
    with pytest.raises(GateError) as refusal:
        tick()
    told = str(refusal.value)
    assert "no book 7: found 1 rows, allowed: 0 rows" in told
    assert "events/a.jsonl: 2 rows, 1 of them bad" in told
    assert "1 for missing_user_id, as " in told and '"b01"' in told
    assert lake.value("select count(*) from raw.events") == events
    assert lake.rows(KEPT) == [("events: no book 7", "1", False)]
    assert lake.value(LAG) == 2


def test_the_same_refusal_minute_by_minute_is_kept_once(
    lake: Lake, settings: Settings, tick: Run, stern: pytest.MonkeyPatch
) -> None:
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
    snapshots = []
    for _ in range(3):
        with pytest.raises(GateError):
            tick()
        snapshots.append(lake.snapshot())
    assert len(set(snapshots)) == 1 and len(lake.rows(KEPT)) == 1
    land(settings, "events", "b.jsonl", [purchase("u01", "b07", LATER)])
    with pytest.raises(GateError):
        tick()
    assert lake.value(LAG) == 2 and len(lake.rows(KEPT)) == 2


def test_once_it_is_mended_nothing_waits(
    lake: Lake, settings: Settings, tick: Run, stern: pytest.MonkeyPatch
) -> None:
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
    with pytest.raises(GateError):
        tick()
    stern.undo()
    done = tick()
    assert done is not None and done.accepted == 1
    assert lake.value(LAG) == 0
