"""When a DAG is due: at its slot or soon after it, never for a slot that passed while it was switched off."""

from __future__ import annotations

import pendulum
import pytest
from airflow.timetables.base import DataInterval, TimeRestriction

from plugins.cron_on_time import CronOnTime

BEGAN = pendulum.datetime(2026, 1, 1, tz="UTC")
NIGHTLY = CronOnTime("0 2 * * *", timezone="UTC")


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("2026-03-05T02:00:20", None, "2026-03-05T02:00:00"),
        ("2026-03-05T02:59:00", "2026-03-04T02:00:00", "2026-03-05T02:00:00"),
        ("2026-03-05T03:01:00", "2026-03-04T02:00:00", "2026-03-06T02:00:00"),
        ("2026-03-05T12:00:00", "2026-02-01T02:00:00", "2026-03-06T02:00:00"),
        ("2026-03-05T12:00:00", None, "2026-03-06T02:00:00"),
        ("2026-03-05T02:10:00", "2026-03-05T02:00:00", "2026-03-06T02:00:00"),
    ],
)
def test_the_next_run(monkeypatch: pytest.MonkeyPatch, now: str, last: str | None, due: str) -> None:
    for clock in ("airflow.timetables.trigger.utcnow", "plugins.cron_on_time.utcnow"):
        monkeypatch.setattr(clock, lambda: pendulum.parse(now, tz="UTC"))
    before = DataInterval.exact(pendulum.parse(last, tz="UTC")) if last else None
    found = NIGHTLY.next_dagrun_info(
        last_automated_data_interval=before, restriction=TimeRestriction(BEGAN, None, catchup=False)
    )
    assert found and found.run_after == pendulum.parse(due, tz="UTC")


def test_a_backfill_gets_every_slot() -> None:
    found = NIGHTLY.next_dagrun_info(
        last_automated_data_interval=DataInterval.exact(BEGAN),
        restriction=TimeRestriction(BEGAN, None, catchup=True),
    )
    assert found and found.run_after == pendulum.datetime(2026, 1, 1, 2, tz="UTC")
