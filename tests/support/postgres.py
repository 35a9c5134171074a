"""A real Postgres server of the tests' own: on loopback, on a free port, ended with the test session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Postgres:
    port: int

    def create_database(self, name: str) -> str:
        """Make an empty database; returns its libpq string."""
        base = f"host=127.0.0.1 port={self.port} user=nightjar"
        subprocess.run(
            [program("psql"), "-q", "-d", f"{base} dbname=postgres", "-c", f'create database "{name}"'],
            check=True,
            capture_output=True,
            timeout=30,
        )
        return f"{base} dbname={name}"


def missing_programs() -> str | None:
    """Why no server can be started here, or None."""
    missing = [name for name in ("initdb", "postgres", "psql") if program(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def program(name: str) -> str | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    return shutil.which(name, path=path)


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="nightjar-pg-"))
    # Postgres refuses to run as root.
    owner = {"user": "nobody"} if os.geteuid() == 0 else {}
    if owner:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    data = folder / "data"
    server = None
    try:
        subprocess.run(
            [str(program("initdb")), "-D", str(data), "-U", "nightjar", "-A", "trust", "-N"],
            check=True,
            capture_output=True,
            timeout=60,
            cwd=folder,
            **owner,
        )
        server = subprocess.Popen(
            [
                str(program("postgres")),
                "-D",
                str(data),
                "-h",
                "127.0.0.1",
                "-p",
                str(port),
                "-k",
                str(folder),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **owner,
        )
        _wait_until_ready(server, port)
        yield Postgres(port)
    finally:
        if server is not None:
            server.send_signal(signal.SIGINT)  # fast shutdown: does not wait for idle clients
            server.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    probe = [str(program("psql")), "-q", "-d", f"host=127.0.0.1 port={port} user=nightjar dbname=postgres"]
    while subprocess.run([*probe, "-c", "select 1"], capture_output=True, timeout=30).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Postgres did not come up on port {port}")
        time.sleep(0.1)
