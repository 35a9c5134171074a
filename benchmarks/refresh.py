"""What a tick and a read cost: python -m benchmarks.refresh [--events 1000000] [--folder FOLDER]

A tick takes in one event of each of so many users, in this process, after the imports; the median of REPEATS.
Reads are of single users' lists, while another process ticks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from benchmarks.synthetic import ITEMS, USERS, SyntheticLake, item_id, make_synthetic, user_id
from include.lake.lake import Lake, open_lake
from include.refresh.refresh import open_for_ticks, refresh, yield_to_readers
from include.refresh.source import LandingSource
from include.refresh.tick import run_tick
from include.serving.recommend import Reader
from include.settings import utc_now

TOUCHED = (1, 100, 1000)
REPEATS = 3
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


def time_ticks(made: SyntheticLake) -> dict[int, tuple[float, float]]:
    """Touched users -> wall and processor seconds of a tick."""
    rng = random.Random(1)
    seconds: dict[int, tuple[float, float]] = {}
    with open_for_ticks(made.settings) as lake:
        for users in (1, *TOUCHED):  # the first loads the model, and is not counted
            taken = []
            for _ in range(REPEATS):
                land_views(lake, users, rng)
                began, of_processor = time.perf_counter(), time.process_time()
                tick = run_tick(lake, made.domain, LandingSource(100_000), run_id="bench", now=utc_now())
                assert tick is not None and tick.users == users
                taken.append((time.perf_counter() - began, time.process_time() - of_processor))
            seconds[users] = sorted(taken)[len(taken) // 2]
    return seconds


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


def publications(lake: Lake) -> int:
    return int(lake.value("select count(*) from serving.publications"))


def _tick_until(made: SyntheticLake, stop) -> None:
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
            # Copies of the users are copied, not listed: only the first lake has a nightly to compare with.
            nightly = made.nightly_seconds if made.copies == 1 else None
            if nightly:
                print(f"  its nightly, training and lists alone: {nightly:.1f} s of processor", flush=True)
            for users, (wall, processor) in time_ticks(made).items():
                compared = f", {nightly / processor:.0f} times less than the nightly" if nightly else ""
                print(
                    f"  a tick of {users:,} users: {wall:.2f} s, {processor:.2f} s of processor{compared}",
                    flush=True,
                )
            with Reader(made.settings, made.domain) as reader:
                p50, p99 = time_reads(reader)
                print(f"  a read: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
                p50, p99, ticks = time_reads_beside_ticks(made, reader)
            print(f"  a read beside {ticks} ticks: p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)


if __name__ == "__main__":
    main()
