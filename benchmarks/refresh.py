"""What a tick and a read cost: python -m benchmarks.refresh [--events 1000000] [--folder FOLDER]

A tick takes in one event of each of so many users, in this process, after the imports; the median of REPEATS.
Reads are of single users' lists, while another process ticks. The first lake is told beside a whole nightly,
as `make nightly` runs it (without a search for better settings): what one would wait for instead.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.synthetic import ITEMS, USERS, SyntheticLake, make_synthetic
from include.demo.made_up import item_id, user_id
from include.installation import REPO
from include.lake.lake import Lake, open_lake
from include.refresh.compact import compact, due_tables
from include.refresh.pending_rows import LandingSource
from include.refresh.refresh_run import open_for_ticks, refresh, yield_to_readers
from include.refresh.tick import run_tick
from include.serving.recommend import Reader
from include.settings import utc_now

TOUCHED = (1, 100, 1000)
REPEATS = 7
READS = 1000


def land_views(lake: Lake, users: int, rng: random.Random) -> None:
    """A file with one view of each of so many users, a second after the newest event."""
    at = lake.value("select max(as_of) from serving.publications") + timedelta(seconds=1)
    rows = [
        {
            "user_id": user_id(user),
            "item_id": item_id(rng.randrange(ITEMS)),
            "event_type": "view",
            "event_at": at.isoformat() + "Z",
        }
        for user in rng.sample(range(USERS), users)
    ]
    path = lake.settings.landing / "events" / f"{time.time_ns()}.jsonl"
    partial = path.with_name(f".{path.name}")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows))
    partial.rename(path)


def time_ticks(made: SyntheticLake) -> tuple[dict[int, tuple[float, float]], float]:
    """Touched users -> wall and processor seconds of a tick; and the longest merge of files in between."""
    rng = random.Random(1)
    seconds: dict[int, tuple[float, float]] = {}
    longest = 0.0
    with open_for_ticks(made.settings) as lake:
        for users in (1, *TOUCHED):  # the first loads the model, and is not counted
            taken = []
            for _ in range(REPEATS):
                land_views(lake, users, rng)
                began, of_processor = time.perf_counter(), time.process_time()
                tick = run_tick(lake, made.domain, LandingSource(100_000), run_id="bench", now=utc_now())
                taken.append((time.perf_counter() - began, time.process_time() - of_processor))
                assert tick is not None and tick.users == users and tick.publication is not None
                if tables := due_tables([tick.publication.publication_id], tick.rows):
                    began = time.perf_counter()
                    compact(lake, run_id="bench", tables=tables)
                    longest = max(longest, time.perf_counter() - began)
            seconds[users] = sorted(taken)[len(taken) // 2]
    return seconds, longest


def time_reads(reader: Reader) -> tuple[float, float]:
    """p50 and p99 in milliseconds of one user's list."""
    rng = random.Random(2)
    taken = []
    for _ in range(READS):
        began = time.perf_counter()
        answer = reader.recommend(user_id(rng.randrange(USERS)))
        taken.append(time.perf_counter() - began)
        assert len(answer.items) == 10
    taken.sort()
    return 1000 * taken[len(taken) // 2], 1000 * taken[int(0.99 * len(taken))]


def time_reads_beside_ticks(made: SyntheticLake, reader: Reader) -> tuple[float, float, int]:
    """As `time_reads`, and the ticks that committed meanwhile."""
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    writer = context.Process(target=_tick_until, args=(made, stop))
    with open_lake(made.settings, read_only=True) as lake:
        before = publications(lake)
        writer.start()
        while (first := publications(lake)) == before:
            time.sleep(0.05)
        p50, p99 = time_reads(reader)
        ticks = publications(lake) - first
    stop.set()
    writer.join()
    return p50, p99, ticks


def time_nightly(made: SyntheticLake) -> tuple[float, float]:
    """Wall and processor seconds of a whole nightly, Spark and dbt included.

    Raises RuntimeError where it fails.
    """
    settings = made.settings
    environment = {
        **os.environ,
        "NIGHTJAR_HOME": str(settings.home),
        "NIGHTJAR_CONFIG": str(settings.config),
    }
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bin.run_dag", "nightly_recommendations"],
        cwd=REPO,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"the nightly failed:\n{done.stdout[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, processor


def publications(lake: Lake) -> int:
    return int(lake.value("select count(*) from serving.publications"))


def _tick_until(made: SyntheticLake, stop: Event) -> None:
    """Refreshes as the DAG runs them, merging of files included."""
    yield_to_readers()
    rng = random.Random(3)
    with open_lake(made.settings, read_only=True) as lake:
        while not stop.is_set():
            land_views(lake, 20, rng)
            refresh(made.settings, made.domain, run_id="bench", clock=utc_now)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", default="1000000,20000000")
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for events in (int(text) for text in options.events.split(",")):
            began = time.perf_counter()
            made = make_synthetic(Path(folder) / str(events), events=events)
            size = f"{events:,} events, {USERS * made.copies:,} users"
            print(f"{size}: made in {time.perf_counter() - began:.0f} s", flush=True)
            ticks, longest = time_ticks(made)
            for users, (wall, processor) in ticks.items():
                print(
                    f"  a tick of {users:,} users: {wall:.2f} s, {processor:.2f} s of processor", flush=True
                )
            print(f"  merging files between ticks: {longest:.2f} s at most", flush=True)
            with Reader(made.settings, made.domain) as reader:
                p50, p99 = time_reads(reader)
                print(f"  a read: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
                p50, p99, committed = time_reads_beside_ticks(made, reader)
            print(f"  a read beside {committed} ticks: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
            # Copies of the users are no users to train on: only the first lake has a nightly to compare with.
            if made.copies == 1:
                wall, processor = time_nightly(made)
                print(f"  its nightly: {wall:.0f} s, {processor:.0f} s of processor", flush=True)
                for users, (_, of_tick) in ticks.items():
                    print(f"    {processor / of_tick:.0f} times a tick of {users:,} users", flush=True)


if __name__ == "__main__":
    main()
