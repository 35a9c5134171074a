"""Who works on an Airflow home: a scheduler alone, or any number of foreground runs. File locks, which the
kernel drops with their process, say who is alive.

A scheduler would take the tasks of a foreground run, which is `running` in the database they share. And a
killed foreground run stays `running` there: the next one marks it failed, lest a scheduler resume what nobody
waits for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HomeInUseError(RuntimeError):
    """The other side (scheduler, foreground run) works on this home."""


@contextmanager
def scheduler_lock(airflow_home: Path) -> Iterator[None]:
    """Hold the home for a scheduler.  Raises HomeInUseError beside another or beside a foreground run."""
    with _held(airflow_home, fcntl.LOCK_EX, "another Airflow, or a foreground run, works on"):
        yield


@contextmanager
def foreground_run(airflow_home: Path, dag_id: str, run_id: str) -> Iterator[None]:
    """Hold the home for one foreground run beside others.  Raises HomeInUseError beside a scheduler."""
    lock = _lock_file(airflow_home, dag_id, run_id)
    with _held(airflow_home, fcntl.LOCK_SH, "an Airflow scheduler works on"):
        fail_dead_runs(airflow_home)
        draft = lock.with_suffix(f".{os.getpid()}")
        with draft.open("w") as own:
            fcntl.flock(own, fcntl.LOCK_EX)
            draft.replace(lock)  # it never shows unheld, so nobody takes this run for dead
            yield
            lock.unlink(missing_ok=True)


@contextmanager
def _held(airflow_home: Path, mode: int, refusal: str) -> Iterator[None]:
    home_lock = airflow_home / "foreground" / "home.lock"
    home_lock.parent.mkdir(parents=True, exist_ok=True)
    with home_lock.open("w") as file:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeInUseError(f"{refusal} {airflow_home.parent}") from None
        yield


def fail_dead_runs(airflow_home: Path) -> list[str]:
    """Mark failed every foreground run whose process is gone; returns their run ids.

    Airflow must be importable with `airflow_home`'s environment: elsewhere, python -m bin.foreground_runs.
    """
    left_locks = left_behind(airflow_home)
    if not left_locks:
        return []
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
            if _is_held(_lock_file(airflow_home, run.dag_id, run.run_id)):
                continue
            run.state = DagRunState.FAILED
            for task in run.get_task_instances(session=session):
                if task.state is not None and task.end_date is None:
                    task.set_state(TaskInstanceState.FAILED, session=session)
            dead.append(run.run_id)
    for lock in left_locks:
        if not _is_held(lock):
            lock.unlink(missing_ok=True)
    return dead


def left_behind(airflow_home: Path) -> list[Path]:
    """Locks of runs that are alive or were killed; one that ended took its own away."""
    return list((airflow_home / "foreground").glob("run-*.lock"))


def _lock_file(airflow_home: Path, dag_id: str, run_id: str) -> Path:
    name = hashlib.sha256(f"{dag_id} {run_id}".encode()).hexdigest()[:24]
    return airflow_home / "foreground" / f"run-{name}.lock"


def _is_held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


if __name__ == "__main__":
    fail_dead_runs(Path(os.environ["AIRFLOW_HOME"]))
