"""Airflow's four services as this process's own children, all stopped when it stops.

`airflow standalone` leaves its children behind on SIGTERM; this does not, and neither does a kill -9 of this
process (Linux: the kernel sends them SIGTERM). A service that dies is not restarted: the whole stops with it.

    with running_airflow(home) as airflow:
        run_id = airflow.trigger("nightly_recommendations", {"domain": "movies"})
        assert airflow.wait("nightly_recommendations", run_id, timeout=120) == "success"
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from bin.airflow_client import AirflowClient
from bin.env import login, process_environment
from bin.foreground_runs import left_behind, scheduler_lock
from bin.prepare_home import prepare_home

HOST = "127.0.0.1"
HEALTHY_WITHIN_SECONDS = 240  # 15-20 s on an idle 2-core machine
STOPPED_WITHIN_SECONDS = 15  # a running task is then killed; Airflow retries it at the next start
SERVER_FILE = "server.json"  # in AIRFLOW_HOME while the services run: where they answer

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ServiceError(RuntimeError):
    """A service that did not start, or died; the message ends with its log's last lines."""


class RunningAirflow(AirflowClient):
    """The services and the client to talk to them."""

    def __init__(
        self, url: str, login: tuple[str, str], services: Mapping[str, subprocess.Popen[bytes]], logs: Path
    ) -> None:
        super().__init__(url, login)
        self.services = services
        self._logs = logs

    def check(self) -> None:
        """Raise ServiceError when a service has ended."""
        for name, process in self.services.items():
            if (status := process.poll()) is not None:
                lines = (self._logs / f"{name}.log").read_text(errors="replace").splitlines()[-15:]
                raise ServiceError(f"{name} ended with status {status}:\n" + "\n".join(lines))

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        wanted = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        while True:
            self.check()
            health = self.health()
            if all(health.get(name) == "healthy" for name in wanted):
                return
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"not healthy after {HEALTHY_WITHIN_SECONDS} s: {health}; logs: {self._logs}"
                )
            time.sleep(0.3)


@contextmanager
def running_airflow(
    home: Path, *, port: int = 0, dags_folder: Path | None = None
) -> Iterator[RunningAirflow]:
    """Airflow up and healthy on NIGHTJAR_HOME `home`; gone, children and all, when the block ends.

    port: of UI and API, 0 takes a free one.  Raises ServiceError: port taken, home in use, a service died.
    """
    env = process_environment(os.environ, home=home, dags_folder=dags_folder)
    prepare_home(env)
    airflow_home = Path(env["AIRFLOW_HOME"])
    logs = airflow_home / "logs" / "services"
    logs.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    if not _is_free(port):
        raise ServiceError(f"port {port} of {HOST} is taken: give another, or 0 for a free one")
    env |= {
        # Both, or workers look for the API server on 8080.
        "AIRFLOW__API__BASE_URL": f"http://{HOST}:{port}",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://{HOST}:{port}/execution/",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "bin.airflow_server.loopback",
    }
    commands = {
        "api-server": ["api-server", "--host", HOST, "--port", str(port), "--workers", "1"],
        # The API server reads task logs from the disk they share; log servers would not keep to loopback.
        "scheduler": ["scheduler", "--skip-serve-logs"],
        "dag-processor": ["dag-processor"],
        "triggerer": ["triggerer", "--skip-serve-logs"],
    }
    services: dict[str, subprocess.Popen[bytes]] = {}
    with scheduler_lock(airflow_home):
        if left_behind(airflow_home):
            subprocess.run([sys.executable, "-m", "bin.foreground_runs"], env=env, check=True)
        try:
            for name, command in commands.items():
                services[name] = _start(name, command, env, logs)
            airflow = RunningAirflow(f"http://{HOST}:{port}", login(airflow_home), services, logs)
            airflow.wait_until_healthy()
            (airflow_home / SERVER_FILE).write_text(json.dumps({"url": airflow.url, "pid": os.getpid()}))
            yield airflow
        finally:
            (airflow_home / SERVER_FILE).unlink(missing_ok=True)
            _stop(services)


def loopback() -> str:
    """Airflow's hostname callable: the machine's own name need not resolve."""
    return HOST


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _start(name: str, command: list[str], env: Mapping[str, str], logs: Path) -> subprocess.Popen[bytes]:
    with (logs / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "airflow", *command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C reaches this process alone, which stops them in order
            preexec_fn=_die_with_parent,
        )


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(services: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Ask every service to end, then kill whatever is left of them and of their descendants."""
    family = [
        relative
        for process in services.values()
        if process.poll() is None
        for relative in _descendants(process.pid)
    ]
    for process in services.values():
        if process.poll() is None:
            process.terminate()
    _, alive = psutil.wait_procs(family, timeout=STOPPED_WITHIN_SECONDS)
    # Born meanwhile: each service leads a session of its own.
    for process in services.values():
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    for relative in alive:
        try:
            relative.kill()
        except psutil.NoSuchProcess:
            pass
    psutil.wait_procs(alive, timeout=5)
    for process in services.values():
        process.wait()


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []
