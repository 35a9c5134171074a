"""bin.run_dag: a real DAG, run by Airflow in the foreground, tells by exit status and lines how it went."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bin.run_dag import read_arguments
from include.installation import REPO

DAGS = REPO / "tests" / "platform" / "dags"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def command(dag_id: str, conf: dict[str, object]) -> list[str]:
    run = [
        sys.executable,
        "-m",
        "bin.run_dag",
        dag_id,
        "--dags-folder",
        str(DAGS),
        "--conf",
        json.dumps(conf),
    ]
    return run


def run_dag(home: Path, dag_id: str = "throwaway", **conf: object) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"NIGHTJAR_HOME": str(home)}
    return subprocess.run(command(dag_id, conf), env=env, cwd=REPO, capture_output=True, text=True)


def run_states(home: Path) -> list[str]:
    with sqlite3.connect(home / "airflow" / "airflow.db") as database:
        return [row[0] for row in database.execute("select state from dag_run order by id")]


def test_success_is_zero_with_a_line_a_task_and_the_noise_in_the_log(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    done = run_dag(tmp_path / "home", number=21, marker=str(marker))
    assert done.returncode == 0, done.stdout
    assert marker.read_text() == "42"  # went from task to task by XCom
    lines = [line.split("s  ", 1)[1] for line in done.stdout.splitlines()]
    assert [line.split(" in ")[0] for line in lines[1:-2]] == [
        f"{task} {what}" for task in ("produce", "consume", "close") for what in ("started", "finished")
    ]
    assert lines[-2] == "produce: 42"  # what a task gives back is for the eyes of whoever ran it
    assert done.stderr == ""
    log = Path(lines[-1].rsplit("log: ", 1)[1])
    assert "noise that belongs in the log" in log.read_text()
    assert run_states(tmp_path / "home") == ["success"]


def test_failure_is_one_and_names_task_error_and_what_did_not_run(tmp_path: Path) -> None:
    done = run_dag(tmp_path, number=3, break_it=True)
    assert done.returncode == 1
    assert "FAILED consume: ValueError: told to break, value 6" in done.stdout
    assert "not run, since what they need failed: close" in done.stdout
    assert run_states(tmp_path) == ["failed"]


@pytest.mark.parametrize(
    ("dag_id", "conf", "message"),
    [
        ("throwaway", {"number": -1}, "-1 is less than the minimum of 0"),
        ("throwaway", {"numbr": 1}, "has no param numbr; its params: number, break_it, marker, hang_seconds"),
        ("thrownaway", {}, "no DAG 'thrownaway'"),
    ],
)
def test_what_cannot_start_is_two_and_says_why(
    tmp_path: Path, dag_id: str, conf: dict[str, object], message: str
) -> None:
    done = run_dag(tmp_path, dag_id, **conf)
    assert done.returncode == 2
    assert message in done.stdout
    assert run_states(tmp_path) == []


@pytest.mark.faults
def test_a_killed_run_is_marked_failed_by_the_next_one_which_succeeds(tmp_path: Path) -> None:
    env = os.environ | {"NIGHTJAR_HOME": str(tmp_path)}
    victim = subprocess.Popen(
        command("throwaway", {"hang_seconds": 600}), env=env, cwd=REPO, stdout=subprocess.PIPE, text=True
    )
    assert victim.stdout is not None
    for line in victim.stdout:
        if "produce started" in line:
            break
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert run_states(tmp_path) == ["running"]
    assert run_dag(tmp_path).returncode == 0
    assert run_states(tmp_path) == ["failed", "success"]


def test_params_come_from_the_environment_and_conf_wins() -> None:
    base = {"AS_OF": "2026-01-31", "DOMAIN": "shop", "CONF": '{"domain": "movies", "seed": 7}'}
    assert read_arguments(["any"], base).conf == {"as_of": "2026-01-31", "domain": "movies", "seed": 7}


def test_conf_that_is_no_object_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for conf in ("[1]", "{"):
        with pytest.raises(SystemExit) as refusal:
            read_arguments(["any", "--conf", conf], {})
        assert refusal.value.code == 2
        assert repr(conf) in capsys.readouterr().err
