"""Checks over the runs, and refused rows, from rows of ours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from include.api import check_history as module
from include.api.check_history import check_history
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake
from include.serving.look_ups import LookUps
from include.settings import Settings

AT = datetime(2030, 1, 1)


@pytest.fixture
def look_ups(settings: Settings) -> Iterator[LookUps]:
    opened = LookUps(settings)
    yield opened
    opened.close()


def checked(lake: Lake, run: int, **held: bool) -> None:
    rows = [
        {
            "run_id": f"run{run}",
            "suite": "output" if name == "lists_are_full" else "input",
            "expectation": name,
            "is_success": is_success,
            "severity": "critical",
            "observed": "0" if is_success else f"{run}",
            "limit": "0 rows",
            "checked_at": AT + timedelta(days=run),
        }
        for name, is_success in held.items()
    ]
    lake.write(lambda con: insert_rows(con, "ops.quality_results", rows), run_id="test", message="checks")


def test_what_does_not_hold_comes_first_then_what_failed_before(lake: Lake, look_ups: LookUps) -> None:
    checked(lake, 1, ids_are_there=True, times_are_past=False, lists_are_full=True)
    checked(lake, 2, ids_are_there=True, times_are_past=True, lists_are_full=False)
    found = check_history(look_ups).checks
    assert [(check.expectation, check.holds) for check in found] == [
        ("lists_are_full", False),
        ("times_are_past", True),
        ("ids_are_there", True),
    ]
    assert [mark.is_success for mark in found[1].marks] == [False, True]
    assert (found[0].observed, found[0].limit) == ("2", "0 rows")
    assert found[0].describe() == "failed in 1 of 2 runs, last on 2030-01-03 00:00: found 2"
    assert found[2].describe() == "held in each of 2 runs"


def test_only_the_newest_runs_are_shown(
    lake: Lake, look_ups: LookUps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for run in range(1, module.RUNS + 3):
        checked(lake, run, ids_are_there=run != 1)
    marks = check_history(look_ups).checks[0].marks
    assert len(marks) == module.RUNS and marks[0].run_id == "run3" and all(m.is_success for m in marks)


def test_the_newest_rows_of_each_reason(lake: Lake, look_ups: LookUps) -> None:
    assert check_history(look_ups).refused == []
    rows = [
        {
            "source": "events/a.jsonl",
            "position": position,
            "reason": reason,
            "raw": f"{reason} {position} " + "x" * 500,
            "batch_id": "b",
            "ingested_at": AT,
        }
        for position, reason in enumerate(["missing_user_id"] + ["bad_event_at: soon"] * 5, start=1)
    ]
    lake.write(lambda con: insert_rows(con, "raw.quarantine", rows), run_id="test", message="refused")
    first, second = check_history(look_ups).refused
    assert (first.reason, first.rows) == ("bad_event_at", 5)
    assert [(row["position"], row["detail"]) for row in first.samples] == [
        (place, "bad_event_at: soon") for place in (6, 5, 4)
    ]
    assert len(first.samples[0]["raw"]) == 300
    assert (second.reason, second.rows, len(second.samples)) == ("missing_user_id", 1, 1)
