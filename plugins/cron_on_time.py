"""A cron schedule whose missed slots pass: switching a DAG on never starts a run that nobody asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.trigger import CronTriggerTimetable

if TYPE_CHECKING:
    from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction

# A scheduler that was restarted meanwhile, or that is busy, still starts the run.
LATEST = timedelta(hours=1)


class CronOnTime(CronTriggerTimetable):
    """Airflow's own makes up for the newest missed slot, also of a DAG that was paused at that time: whoever
    triggers it then waits for the made-up run first.  A backfill gets each slot, as ever.
    """

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        found = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        now = coerce_datetime(utcnow())
        if found is None or restriction.catchup or found.run_after >= now - LATEST:
            return found
        later = restriction._replace(earliest=now)
        return super().next_dagrun_info(last_automated_data_interval=None, restriction=later)
