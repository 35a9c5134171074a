"""Which foreground runs are alive: each holds a lock that the kernel drops with its process.

A killed one leaves its DagRun `running` in Airflow's database. The next foreground run, or the next scheduler
start, marks it failed, lest a scheduler resume what nobody waits for.
"""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def foreground_run(airflow_home: Path, dag_id: str, run_id: str) -> Iterator[None]:
    """Hold this run's lock, and a share of the database's, which a scheduler wants for itself."""
    lock = _lock_file(airflow_home, dag_id, run_id)
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as own:
        fcntl.flock(own, fcntl.LOCK_EX)
        yield
        lock.unlink(missing_ok=True)


def fail_dead_runs(airflow_home: Path) -> list[str]:
    """Mark failed every foreground run whose process is gone; returns their run ids."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType
    from sqlalchemy import select

    dead = []
    with create_session() as session:
        unfinished = select(DagRun).where(
            DagRun.state.in_([DagRunState.RUNNING, DagRunState.QUEUED]),
            DagRun.triggered_by == DagRunTriggeredByType.TEST,
        )
        for run in session.scalars(unfinished):
            lock = _lock_file(airflow_home, run.dag_id, run.run_id)
            if _is_held(lock):
                continue
            run.state = DagRunState.FAILED
            for task in run.get_task_instances(session=session):
                if task.end_date is None:
                    task.set_state(TaskInstanceState.FAILED, session=session)
            lock.unlink(missing_ok=True)
            dead.append(run.run_id)
    return dead


def _lock_file(airflow_home: Path, dag_id: str, run_id: str) -> Path:
    name = hashlib.sha256(f"{dag_id} {run_id}".encode()).hexdigest()[:24]
    return airflow_home / "foreground" / f"{name}.lock"


def _is_held(lock: Path) -> bool:
    if not lock.is_file():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
