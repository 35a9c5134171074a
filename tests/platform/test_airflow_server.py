"""bin.airflow_server: the four services for real, a scheduled run, and nothing left when they stop."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from bin.airflow_client import AirflowClient
from bin.airflow_server import RunningAirflow, running_airflow
from bin.env import process_environment
from bin.foreground_runs import HomeInUseError, foreground_run
from bin.prepare_home import prepare_home
from include.api.app import make_app
from include.config.domain import load_domain
from include.installation import REPO
from include.settings import load_settings
from tests.support.api_server import filled, routes_of

DAGS = REPO / "tests" / "platform" / "dags"
PASSWORD = "its owner's own"
pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def processes_of(home: Path) -> list[str]:
    """Command lines of the live processes whose environment names `home`."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("NIGHTJAR_HOME") == str(home) and process.pid != os.getpid():
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("airflow-server")


@pytest.fixture(scope="module")
def airflow(airflow_home: Path) -> Iterator[RunningAirflow]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIGHTJAR_UI_PASSWORD", PASSWORD)
        prepare_home(process_environment(os.environ, home=airflow_home, dags_folder=DAGS))
    with running_airflow(airflow_home, dags_folder=DAGS) as server:
        yield server
        assert len(processes_of(airflow_home)) >= 4
    assert processes_of(airflow_home) == []


def test_the_scheduler_runs_what_rest_triggers(airflow: RunningAirflow, tmp_path: Path) -> None:
    run_id = airflow.trigger("throwaway", {"number": 21, "marker": str(tmp_path / "marker")})
    assert airflow.wait("throwaway", run_id, timeout=60) == "success"
    assert (tmp_path / "marker").read_text() == "42"
    states = {task["task_id"]: task["state"] for task in airflow.task_instances("throwaway", run_id)}
    assert states == {"produce": "success", "consume": "success", "close": "success"}


def test_a_param_the_schema_refuses_is_a_400(airflow: RunningAirflow) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        airflow.trigger("throwaway", {"number": -1})
    assert refusal.value.response.status_code == 400


def test_no_login_no_answer(airflow: RunningAirflow) -> None:
    assert airflow.login == ("admin", PASSWORD)
    for password in ("wrong", "admin"):
        stranger = AirflowClient(airflow.url, login=("admin", password))
        with pytest.raises(httpx.HTTPStatusError) as refusal:
            stranger.token()
        assert refusal.value.response.status_code == 401
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        stranger.request("GET", "/api/v2/dags", token="")
    assert refusal.value.response.status_code == 401


def test_a_foreground_run_goes_to_the_scheduler_and_tells_the_same(
    airflow: RunningAirflow, airflow_home: Path
) -> None:
    command = [sys.executable, "-m", "bin.run_dag", "throwaway", "--dags-folder", str(DAGS)]
    env = os.environ | {"NIGHTJAR_HOME": str(airflow_home)}
    done = subprocess.run(
        [*command, "--conf", '{"break_it": true}'], env=env, cwd=REPO, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"runs in the Airflow at {airflow.url}" in done.stdout
    assert "FAILED consume: ValueError: told to break, value 2" in done.stdout


def test_a_paused_dag_runs_once_as_asked_and_is_paused_again(
    airflow: RunningAirflow, airflow_home: Path
) -> None:
    command = [sys.executable, "-m", "bin.run_dag", "switched_on", "--dags-folder", str(DAGS)]
    env = os.environ | {"NIGHTJAR_HOME": str(airflow_home)}
    assert airflow.is_paused("switched_on")
    done = subprocess.run(command, env=env, cwd=REPO, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert airflow.is_paused("switched_on")
    runs = airflow.request_patiently("GET", "/api/v2/dags/switched_on/dagRuns")["dag_runs"]
    assert [run["run_type"] for run in runs] == ["manual"]


def test_a_second_airflow_on_the_same_home_is_refused(airflow: RunningAirflow, airflow_home: Path) -> None:
    with pytest.raises(HomeInUseError), running_airflow(airflow_home):
        pass


def test_no_airflow_starts_beside_a_foreground_run(tmp_path: Path) -> None:
    with foreground_run(tmp_path / "airflow", "any", "run"), pytest.raises(HomeInUseError):
        with running_airflow(tmp_path):
            pass


def start_airflow_up(home: Path) -> tuple[subprocess.Popen[str], str]:
    """`make airflow` on a free port; returns it with what it printed until it was up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bin.airflow_up", "--port", "0"],
        env=os.environ | {"NIGHTJAR_HOME": str(home)},
        cwd=REPO,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if "login" in line:
            break
    return process, printed


def test_airflow_up_prints_url_and_login_and_sigterm_leaves_nothing(tmp_path: Path) -> None:
    process, printed = start_airflow_up(tmp_path)
    match = re.search(r"Airflow is up: (http://127\.0\.0\.1:\d+)  login admin / admin", printed)
    assert match, printed
    assert AirflowClient(match[1]).request("GET", "/api/v2/version")["version"] == "3.3.2"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 0
    assert processes_of(tmp_path) == []


@pytest.mark.faults
def test_airflow_up_ends_with_an_error_when_a_service_dies(tmp_path: Path) -> None:
    process, _ = start_airflow_up(tmp_path)
    [scheduler] = [
        child for child in psutil.Process(process.pid).children() if "scheduler" in child.cmdline()
    ]
    scheduler.kill()
    process.communicate()
    assert process.returncode == 1
    assert processes_of(tmp_path) == []


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_nothing_is_left_when_airflow_up_is_killed_outright(tmp_path: Path) -> None:
    process, _ = start_airflow_up(tmp_path)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 120
    while processes_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert processes_of(tmp_path) == []


def test_the_pages_below_airflow_ask_for_its_login(airflow: RunningAirflow, airflow_home: Path) -> None:
    """Every route, what is open elsewhere included; with a login they say that there is no lake here yet."""
    settings = load_settings({"NIGHTJAR_HOME": str(airflow_home)})
    app = make_app(settings, load_domain(settings.config), guard=lambda _: lambda: None)
    app.state.service.close()
    tried = routes_of(app)
    assert len(tried) > 30 and ("GET", "/v1/health") in tried and ("GET", "/") in tried
    url = f"{airflow.url}/nightjar"
    for method, path in tried:
        answer = httpx.request(method, url + filled(path), json={}, timeout=60)
        assert answer.status_code in (401, 403), (method, path, answer.status_code)
    user, password = airflow.login
    body = {"username": user, "password": password}
    token = httpx.post(f"{airflow.url}/auth/token", json=body).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    health = httpx.get(f"{url}/v1/health", headers=headers)
    assert (health.status_code, health.json()["status"]) == (503, "no lake")
    assert "There are no lists" in httpx.get(f"{url}/", headers=headers).text
    refused = httpx.post(f"{url}/v1/events", json={"rows": [{"item_id": "b"}]}, headers=headers)
    assert refused.status_code == 422 and "missing_user_id" in refused.json()["error"]


def test_a_taken_port_is_refused_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "bin.airflow_up", "--port", port],
            env=os.environ | {"NIGHTJAR_HOME": str(tmp_path)},
            cwd=REPO,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in done.stderr


def test_nothing_listens_beyond_loopback(airflow: RunningAirflow, airflow_home: Path) -> None:
    mine = [psutil.Process(service.pid) for service in airflow.services.values()]
    family = [process for service in mine for process in (service, *service.children(recursive=True))]
    listening = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}
