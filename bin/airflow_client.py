"""A small client of Airflow's REST API, for the tests' real scheduler and for runs that follow one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from bin.env import LOGIN

FINISHED = ("success", "failed")
PATIENT_TRIES = 5  # on a loaded machine SQLite may be locked for longer than Airflow waits


@dataclass
class AirflowClient:
    """Talks to the Airflow at `url` as `login`."""

    url: str
    login: tuple[str, str] = LOGIN
    _token: str = field(default="", repr=False)

    def token(self) -> str:
        """A bearer token, asked for once."""
        if not self._token:
            user, password = self.login
            answer = self.request("POST", "/auth/token", {"username": user, "password": password}, token="")
            self._token = answer["access_token"]
        return self._token

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, token: str | None = None
    ) -> Any:
        """The JSON answer to one request.  Raises httpx.HTTPStatusError (4xx, 5xx), httpx.TransportError."""
        bearer = self.token() if token is None else token
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        # No environment: the server is on loopback whatever http_proxy says.
        with httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False) as client:
            answer = client.request(method, path, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def request_patiently(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """As request, for what may be asked twice: a busy server (5xx, no answer in time) is asked again."""
        tries = Retrying(
            stop=stop_after_attempt(PATIENT_TRIES),
            wait=wait_fixed(1.0),
            retry=retry_if_exception(_is_busy),
            reraise=True,
        )
        return tries(self.request, method, path, body)

    def health(self) -> dict[str, str]:
        """Component -> status, as the API server sees them; empty while it does not answer."""
        try:
            answer = self.request("GET", "/api/v2/monitor/health", token="")
        except httpx.HTTPError:
            return {}
        return {name: str(part.get("status")) for name, part in answer.items() if isinstance(part, dict)}

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, timeout: float = 60) -> str:
        """Start a run now, unpausing the DAG if need be; returns its run id.

        Waits up to `timeout` seconds for the DAG file to be parsed.  A refused param is a 400.
        """
        if self.is_paused(dag_id, timeout=timeout):
            self.pause(dag_id, False)
        path = f"/api/v2/dags/{quote(dag_id)}/dagRuns"
        run = self.request("POST", path, {"logical_date": None, "conf": dict(conf or {})})
        return str(run["dag_run_id"])

    def is_paused(self, dag_id: str, *, timeout: float = 60) -> bool:
        """Waits up to `timeout` seconds for the DAG file to be parsed."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return bool(self.request_patiently("GET", f"/api/v2/dags/{quote(dag_id)}")["is_paused"])
            except httpx.HTTPStatusError as error:
                if error.response.status_code != 404 or time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def pause(self, dag_id: str, is_paused: bool) -> None:
        self.request_patiently("PATCH", f"/api/v2/dags/{quote(dag_id)}", {"is_paused": is_paused})

    def state(self, dag_id: str, run_id: str) -> str:
        return str(self.request_patiently("GET", _run_path(dag_id, run_id))["state"])

    def wait(self, dag_id: str, run_id: str, timeout: float) -> str:
        """The run's state once it is `success` or `failed`.  Raises TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (state := self.state(dag_id, run_id)) not in FINISHED:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{dag_id} {run_id} still {state} after {timeout:.0f} s")
            time.sleep(0.2)
        return state

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        answer = self.request_patiently("GET", f"{_run_path(dag_id, run_id)}/taskInstances?limit=1000")
        return list(answer["task_instances"])

    def returned(self, dag_id: str, run_id: str, task: Mapping[str, Any]) -> Any:
        """What the task gave back; None where that is nothing."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{quote(task['task_id'])}/xcomEntries/return_value"
        try:
            return self.request("GET", f"{path}?map_index={task['map_index']}")["value"]
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:
                raise
            return None

    def last_error(self, dag_id: str, run_id: str, task: Mapping[str, Any]) -> str:
        """Type and message of the exception that ended the task's latest try, from its log; else empty."""
        task_id = quote(task["task_id"])
        path = f"{_run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{task['try_number']}"
        events = self.request("GET", f"{path}?full_content=true&map_index={task['map_index']}")["content"]
        errors = [event.get("error_detail") for event in events if isinstance(event, dict)]
        for error in reversed([error[0] for error in errors if error]):
            return f"{error['exc_type']}: {error['exc_value']}"
        return ""


def _is_busy(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}"
