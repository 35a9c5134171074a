"""A DAG for the platform's own tests: two tasks that pass a value on, and one that fails when asked to."""

from __future__ import annotations

import pendulum
from airflow.sdk import Param, dag, task


@dag(
    dag_id="throwaway",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    params={
        "number": Param(1, type="integer", minimum=0),
        "break_it": Param(False, type="boolean"),
        "marker": Param("", type="string"),
        "hang_seconds": Param(0, type="integer"),
    },
)
def throwaway():
    @task
    def produce(params: dict) -> int:
        import time

        print("noise that belongs in the log")
        time.sleep(params["hang_seconds"])
        return params["number"] * 2

    @task
    def consume(value: int, params: dict) -> None:
        from pathlib import Path

        if params["break_it"]:
            raise ValueError(f"told to break, value {value}")
        if params["marker"]:
            Path(params["marker"]).write_text(str(value))

    @task
    def close(params: dict) -> None:
        pass

    consume(produce()) >> close()


throwaway()
