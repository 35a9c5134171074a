"""What each fast path saves: python -m benchmarks.fast_paths [--events 1000000]

Ticks of 100 users on one synthetic lake, the path and its plain version in turns: the median of REPEATS, and
the share of the tick that the path saves. Opening a lake and starting the Spark job are timed the same way. A
path that saves less than a tenth of its stage is not worth its code (docs/performance.md).
"""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import duckdb
import numpy as np

from benchmarks.refresh import land_views
from benchmarks.synthetic import SyntheticLake, make_synthetic
from include.features.class_archive import _sample
from include.features.java import java_options
from include.features.job import run_feature_job
from include.lake import lake as lake_module
from include.lake.lake import open_lake
from include.refresh.pending_rows import LandingSource
from include.refresh.refresh_run import open_for_ticks
from include.refresh.tick import run_tick
from include.settings import utc_now

REPEATS = 9
TOUCHED = 100


def plain_search(con: duckdb.DuckDBPyConnection, users: str) -> str:
    return f"user_id in (select user_id from {users})"


def plain_top_k(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores.astype(np.float32, copy=False), axis=1, kind="stable")[:, :k]


class InTurn:
    """A pool that does its work at once, in the caller's thread."""

    def __init__(self, workers: int) -> None: ...

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *_: object) -> None: ...

    def submit(self, work: Callable[[], object]) -> Future[object]:
        done: Future[object] = Future()
        done.set_result(work())
        return done


# Path -> what takes its place: module's attribute -> plain version.
IN_TICKS: dict[str, dict[str, object]] = {
    "bitmap search": {
        "include.refresh.pairs.is_among": plain_search,
        "include.publish.publish.is_among": plain_search,
    },
    "top k by one 64-bit number": {
        "include.recommender.build_lists.top_k": plain_top_k,
        "include.recommender.rank.top_k": plain_top_k,
    },
    "pairs read beside the batch": {"include.refresh.pairs.ThreadPoolExecutor": InTurn},
}


@contextmanager
def replaced(attributes: dict[str, object]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, plain in attributes.items():
            stack.enter_context(patch(name, plain))
        yield


def time_ticks(made: SyntheticLake) -> None:
    rng = random.Random(1)
    with open_for_ticks(made.settings) as lake:

        def tick() -> float:
            land_views(lake, TOUCHED, rng)
            began = time.perf_counter()
            run_tick(lake, made.domain, LandingSource(100_000), run_id="bench", now=utc_now())
            return time.perf_counter() - began

        for _ in range(3):
            tick()
        for path, attributes in IN_TICKS.items():
            with_it, without = [], []
            for _ in range(REPEATS):
                with_it.append(tick())
                with replaced(attributes):
                    without.append(tick())
            tell(path, "a tick of 100 users", with_it, without)


def time_opening(made: SyntheticLake) -> None:
    def opened() -> float:
        began = time.perf_counter()
        open_lake(made.settings, read_only=True).con.close()
        return time.perf_counter() - began

    opened()
    with_it, without = [], []
    for _ in range(REPEATS):
        with_it.append(opened())
        checked = set(lake_module._checked)
        lake_module._checked.clear()
        without.append(opened())
        lake_module._checked.update(checked)
    tell("extensions checked once a process", "opening a lake", with_it, without)


def time_spark() -> None:
    def ran(options: list[str]) -> float:
        with tempfile.TemporaryDirectory() as scratch:
            manifest = _sample(Path(scratch))
            began = time.perf_counter()
            run_feature_job(
                manifest, Path(scratch), master="local[*]", environ=os.environ, java_options=options
            )
            return time.perf_counter() - began

    ours = java_options(os.environ)
    plain = [option for option in ours if "SharedArchiveFile" not in option]
    with_it, without = [], []
    for _ in range(3):
        with_it.append(ran(ours))
        without.append(ran(plain))
    tell("archive of Spark's classes", "the Spark job on a handful of events", with_it, without)


def tell(path: str, stage: str, with_it: list[float], without: list[float]) -> None:
    ours, plain = float(np.median(with_it)), float(np.median(without))
    print(f"{path}: {stage} {ours:.3f} s, plain {plain:.3f} s: saves {1 - ours / plain:.0%}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = make_synthetic(Path(folder) / "lake", events=options.events)
        time_ticks(made)
        time_opening(made)
    time_spark()


if __name__ == "__main__":
    main()
