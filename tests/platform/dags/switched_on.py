"""A DAG for the platform's own tests: yearly, and paused when its last slot came."""

from __future__ import annotations

import pendulum
from airflow.sdk import dag, task

from plugins.cron_on_time import CronOnTime


@dag(
    dag_id="switched_on",
    schedule=CronOnTime("0 0 1 1 *", timezone="UTC"),
    start_date=pendulum.datetime(2020, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
)
def switched_on():
    @task
    def run() -> None:
        pass

    run()


switched_on()
