"""Makes our schedules known to Airflow, which refuses DAGs whose schedule no plugin names.

A file of its own: Airflow loads plugin files by their paths, and a schedule counts by the module that it is
imported from.
"""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from plugins.cron_on_time import CronOnTime


class Schedules(AirflowPlugin):
    name = "nightjar_schedules"
    timetables = [CronOnTime]
