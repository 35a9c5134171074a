"""The API while refreshes commit: python -m benchmarks.api [--rate 300] [--seconds 60] [--events 1000000]

A server process, a process that ticks without a pause, and a client that sends requests at an even rate over
kept connections, each for another person; latencies count from when a request was due. Beside it, what an app
would do without: read the list from the lake itself, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing.synchronize import Event
from pathlib import Path

import httpx
import numpy as np
import psutil

from benchmarks.refresh import land_views
from benchmarks.synthetic import USERS, make_synthetic
from include.api.keys import KeyFile
from include.config.domain import load_domain
from include.demo.made_up import user_id
from include.refresh.pending_rows import LandingSource
from include.refresh.refresh_run import open_for_ticks
from include.refresh.tick import run_tick
from include.serving.recommend import Reader
from include.settings import Settings, utc_now

CONNECTIONS = 32
TICKED_USERS = 100
WARM_SECONDS = 20  # in which the server loads its models
PATHS = {
    "native": "/v1/users/{}/recommendations?n=10",
    "Gorse's": "/gorse/api/recommend/{}?n=10",
}


def tick_on(settings: Settings, stop: Event, ticks: multiprocessing.Queue[int]) -> None:
    """Land and take in views of a hundred people, again and again."""
    domain, rng, done = load_domain(settings.config), random.Random(5), 0
    with open_for_ticks(settings) as lake:
        while not stop.is_set():
            land_views(lake, TICKED_USERS, rng)
            run_tick(lake, domain, LandingSource(100_000), run_id="bench", now=utc_now())
            done += 1
    ticks.put(done)


async def send(port: int, key: str, path: str, rate: float, seconds: float) -> tuple[np.ndarray, int]:
    """(milliseconds of each answer, how many were no 200)."""
    rng, latencies, wrong = random.Random(7), [], 0
    due: asyncio.Queue[float] = asyncio.Queue()

    async def connection() -> None:
        nonlocal wrong
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (at := await due.get()) >= 0:
            target = path.format(user_id(rng.randrange(USERS)))
            writer.write(f"GET {target} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
            latencies.append(1000 * (time.perf_counter() - at))
            wrong += not head.startswith(b"HTTP/1.1 200")
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(connection())
        started = time.perf_counter()
        for number in range(int(rate * seconds)):
            at = started + number / rate
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            due.put_nowait(at)
        for _ in range(CONNECTIONS):
            due.put_nowait(-1)
    return np.array(latencies), wrong


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--events", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        made = make_synthetic(Path(folder), events=asked.events)
        settings = made.settings
        key = KeyFile(settings.home).make("bench", "read", utc_now())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environ = os.environ | {"NIGHTJAR_HOME": str(settings.home), "NIGHTJAR_CONFIG": str(settings.config)}
        command = [sys.executable, "-m", "bin.serve", "--port", str(port)]
        with subprocess.Popen(command, env=environ) as server:
            try:
                _wait(port)
                _measure(settings, psutil.Process(server.pid), port, key, asked.rate, asked.seconds)
            finally:
                server.terminate()


def _measure(
    settings: Settings, server: psutil.Process, port: int, key: str, rate: float, seconds: float
) -> None:
    time.sleep(WARM_SECONDS)
    asyncio.run(send(port, key, PATHS["native"], rate, 5))
    stop = multiprocessing.Event()
    ticks: multiprocessing.Queue[int] = multiprocessing.Queue()
    ticking = multiprocessing.Process(target=tick_on, args=(settings, stop, ticks))
    ticking.start()
    before = server.memory_info().rss
    print("| asked | rate | answers | no 200 | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|---|---|")
    for name, path in PATHS.items():
        latencies, wrong = asyncio.run(send(port, key, path, rate, seconds))
        p50, p99, longest = np.percentile(latencies, (50, 99, 100))
        print(
            f"| {name} | {rate:g}/s | {len(latencies):,} | {wrong} | {p50:.1f} | {p99:.1f} | {longest:.0f} |"
        )
    stop.set()
    done = ticks.get()
    ticking.join()
    grown = (server.memory_info().rss - before) / 2**20
    print(f"{done} ticks of {TICKED_USERS} people meanwhile; the server's memory grew by {grown:+.0f} MiB")
    with Reader(settings, load_domain(settings.config)) as reader:
        rng, began = random.Random(7), time.perf_counter()
        for _ in range(200):
            reader.recommend(user_id(rng.randrange(USERS)), 10)
        each = 1000 * (time.perf_counter() - began) / 200
    print(f"from the lake itself, nothing else running: {each:.1f} ms a list, {1000 / each:.0f}/s")


def _wait(port: int) -> None:
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/v1/health", timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise SystemExit("the server is not up after a minute")


if __name__ == "__main__":
    main()
