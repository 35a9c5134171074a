"""Trigger a run at the Airflow that serves this home already, and follow it to its end."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bin.airflow_client import FINISHED, AirflowClient
from bin.airflow_server import SERVER_FILE
from bin.env import login
from bin.progress import Progress, task_label

POLL_SECONDS = 0.5


def follow_run(airflow_home: Path, dag_id: str, conf: Mapping[str, Any], progress: Progress) -> str:
    """The DagRun's final state; a DAG that was paused is paused again.

    Raises FileNotFoundError while that Airflow is still starting.
    """
    server = json.loads((airflow_home / SERVER_FILE).read_text())
    airflow = AirflowClient(server["url"], login(airflow_home))
    was_paused = airflow.is_paused(dag_id)
    try:
        run_id = airflow.trigger(dag_id, conf)
        progress.say(f"runs in the Airflow at {airflow.url} as {run_id}")
        return _follow(airflow, dag_id, run_id, progress)
    finally:
        if was_paused:
            airflow.pause(dag_id, True)


def _follow(airflow: AirflowClient, dag_id: str, run_id: str, progress: Progress) -> str:
    seen: dict[tuple[str, int], str] = {}
    while True:
        state = airflow.state(dag_id, run_id)
        tasks = airflow.task_instances(dag_id, run_id)
        for task in tasks:
            _report(airflow, dag_id, run_id, task, seen, progress)
        if state in FINISHED:
            return state
        time.sleep(POLL_SECONDS)


def _report(
    airflow: AirflowClient,
    dag_id: str,
    run_id: str,
    task: dict[str, Any],
    seen: dict[tuple[str, int], str],
    progress: Progress,
) -> None:
    key, state = (task["task_id"], task["map_index"]), str(task["state"])
    if seen.get(key) == state or state in ("None", "scheduled", "queued", "removed"):
        return
    seen[key] = state
    label = task_label(task["task_id"], task["map_index"])
    if state not in FINISHED:
        progress.say(f"{label} {state}")
        return
    progress.task_seconds += task["duration"] or 0.0
    progress.say(f"{label} {state} in {task['duration'] or 0.0:.1f} s")
    if state == "success":
        progress.returned(label, airflow.returned(dag_id, run_id, task))
    if state == "failed":
        progress.errors[label] = airflow.last_error(dag_id, run_id, task) or "see its log in the UI"
