"""A real server process on a home of its own: thirty books with shelves and prices, twenty readers."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from include.api.keys import KeyFile
from include.config.domain import Domain, load_domain
from include.lake.lake import open_lake
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import Tick, run_tick
from include.settings import Settings, load_settings, utc_now
from tests.support.books import NOW, books, purchases
from tests.support.nightly import land, publish_nightly

START_SECONDS = 60


@dataclass(frozen=True)
class ApiServer:
    """keys: role -> key."""

    url: str
    settings: Settings
    domain: Domain
    keys: dict[str, str]

    def get(self, path: str, role: str = "read", **params: Any) -> httpx.Response:
        return httpx.get(self.url + path, params=params, headers=self._headers(role), timeout=30)

    def post(self, path: str, body: Any, role: str = "write") -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers=self._headers(role), timeout=30)

    def tick(self) -> Tick | None:
        with open_lake(self.settings) as lake:
            return run_tick(lake, self.domain, LandingSource(1000), run_id="tick", now=NOW)

    def _headers(self, role: str) -> dict[str, str]:
        return {"X-API-Key": self.keys[role]} if role else {}


def make_home(folder: Path, domain_yaml: str, *, nightly: bool = True) -> Settings:
    """A home below ``folder``, with a published nightly unless told otherwise."""
    file = folder / "books.yaml"
    file.write_text(domain_yaml)
    settings = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(file)})
    settings.make_folders()
    if nightly:
        shelved = [
            row | {"category": str(row["title"]).split()[0], "attributes": f'{{"price": {n}}}'}
            for n, row in enumerate(books())
        ]
        land(settings, "items", "books.jsonl", shelved)
        land(settings, "events", "first.jsonl", purchases())
        publish_nightly(settings, load_domain(file), with_text_model=True)
    return settings


@contextmanager
def serving(settings: Settings) -> Iterator[ApiServer]:
    """The server, as `make serve` runs it, until the block ends."""
    keys = {
        role: KeyFile(settings.home).make(role, role, utc_now()) for role in ("read", "write", "operator")
    }
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = os.environ | {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
    command = [sys.executable, "-m", "bin.serve", "--port", str(port)]
    log = settings.home / "serve.log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, env=environ, stdout=output, stderr=output) as process,
    ):
        try:
            server = ApiServer(f"http://127.0.0.1:{port}", settings, load_domain(settings.config), keys)
            _wait(server, process, log)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(server: ApiServer, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(START_SECONDS * 10):
        assert process.poll() is None, log.read_text()
        try:
            httpx.get(f"{server.url}/v1/health", timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"not up after {START_SECONDS} s: {log.read_text()}")


def routes_of(app: FastAPI) -> list[tuple[str, str]]:
    """(method, path) of every route there is, however deep it is mounted."""
    found = []
    for route in app.routes:
        assert isinstance(route, APIRoute), route  # a mount, or static files, would have routes of its own
        found += [(method, route.path) for method in sorted(route.methods)]
    return found


def filled(path: str) -> str:
    """A route's path with something in the place of its parameters."""
    return (
        path.replace("{user_id:path}", "u00")
        .replace("{item_id:path}", "b00")
        .replace("{", "")
        .replace("}", "")
    )
