"""The refresh DAG: its doorbells alone, and under the real scheduler."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from bin.airflow_server import running_airflow
from include.installation import REPO
from include.lake.lake import open_lake
from include.settings import Settings
from tests.support.books import NEWEST, listed, publications, purchase
from tests.support.nightly import land

LATER = NEWEST + timedelta(minutes=1)
# A loaded machine; an idle one takes 3 s.
WITHIN_SECONDS = 120


def test_a_file_rings_once_whole_and_again_when_changed(tmp_path: Path) -> None:
    from plugins.landing_watch import landed_files

    folder = tmp_path / "events"
    (folder / "day").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in (".a.jsonl", "_b.jsonl", "c.jsonl.tmp", ".hidden/d.jsonl"):
        (folder / name).touch()
    assert landed_files((folder, tmp_path / "not there")) == frozenset()
    path = folder / "day" / "e.jsonl"
    path.touch()
    first = landed_files((folder,))
    assert {name for name, _ in first} == {str(path)}
    os.utime(path, ns=(1, 1))
    assert landed_files((folder,)) - first


def test_the_landing_doorbell_rings_at_its_start_and_for_each_arrival(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plugins.landing_watch import LandingTrigger

    monkeypatch.setenv("NIGHTJAR_HOME", str(settings.home))
    monkeypatch.setenv("NIGHTJAR_CONFIG", str(settings.config))

    async def listen() -> list[int]:
        events = LandingTrigger(poll_seconds=0.01).run()
        rung = [(await anext(events)).payload["files"]]
        waiting = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
        await asyncio.sleep(0.1)
        assert not waiting.done()
        land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
        rung.append((await asyncio.wait_for(waiting, 20)).payload["files"])
        return rung

    # The nightly's two files are still there: they ring once.
    assert asyncio.run(listen()) == [2, 1]


@pytest.mark.e2e
@pytest.mark.slow
def test_in_the_foreground_one_run_works_off_what_waits(settings: Settings) -> None:
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
    environ = os.environ | {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
    command = [sys.executable, "-m", "bin.run_dag", "refresh_recommendations"]
    for expected in ("tick finished", "tick"):
        done = subprocess.run(command, env=environ, cwd=REPO, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0 and expected in done.stdout, done.stdout
    with open_lake(settings, read_only=True) as lake:
        assert publications(lake) == ["nightly", "refresh"]


@pytest.mark.e2e
@pytest.mark.slow
def test_under_the_scheduler_a_file_is_published_with_no_hand(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_CONFIG", str(settings.config))
    with running_airflow(settings.home) as airflow:
        _unpause(airflow)
        for n, item in enumerate(("b07", "b10"), start=1):
            land(settings, "events", f"{n}.jsonl", [purchase("new", item, LATER)])
            _wait_for_publications(settings, 1 + n)
        # The clock's run may have been quicker than the doorbell's, which then finds nothing.
        _wait_for_run_type(airflow, "asset_triggered")
        mistyped = airflow.trigger("refresh_recommendations", {"domian": "shop"})
        assert airflow.wait("refresh_recommendations", mistyped, timeout=WITHIN_SECONDS) == "failed"
        (task,) = airflow.task_instances("refresh_recommendations", mistyped)
        error = airflow.last_error("refresh_recommendations", mistyped, task)
        assert "config key 'domian' is 'shop'; expected a param of refresh_recommendations: domain" in error
    with open_lake(settings, read_only=True) as lake:
        assert publications(lake) == ["nightly", "refresh", "refresh"]
        assert len(listed(lake, "new")) == 5 and not {"b07", "b10"} & set(listed(lake, "new"))


def _unpause(airflow) -> None:
    import httpx

    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        try:
            airflow.request("PATCH", "/api/v2/dags/refresh_recommendations", {"is_paused": False})
            return
        except httpx.HTTPStatusError as error:
            # Not parsed yet, or SQLite is busy with the start.
            if error.response.status_code not in (404, 500) or time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _wait_for_run_type(airflow, run_type: str) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while True:
        runs = airflow.request_patiently("GET", "/api/v2/dags/refresh_recommendations/dagRuns")["dag_runs"]
        if run_type in (found := {run["run_type"] for run in runs}):
            return
        assert time.monotonic() < deadline, f"runs were started as {found}, none as {run_type}"
        time.sleep(0.5)


def _wait_for_publications(settings: Settings, n: int) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    with open_lake(settings, read_only=True) as lake:
        while len(publications(lake)) < n:
            assert time.monotonic() < deadline, f"{n - 1} of {n} publications after {WITHIN_SECONDS} s"
            time.sleep(0.2)
