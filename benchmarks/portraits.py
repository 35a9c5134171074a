"""What portraits cost a tick: python -m benchmarks.portraits [--ticks 20]

Ticks of a hundred people each on a million made-up events, every other one without portraits.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.refresh import land_views
from benchmarks.synthetic import make_synthetic
from include.publish.portrait_tables import PORTRAITS
from include.refresh import relist
from include.refresh.pending_rows import LandingSource
from include.refresh.refresh_run import open_for_ticks
from include.refresh.tick import run_tick
from include.settings import utc_now

TOUCHED = 100
WITHOUT = {
    "portrait_rows": lambda *_: PORTRAITS.empty_table(),
    "delete_portraits": lambda *_: None,
    "insert_portraits": lambda *_: None,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--ticks", type=int, default=20)
    asked = parser.parse_args()
    rng = random.Random(2)
    seconds: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        made = make_synthetic(Path(folder))
        with open_for_ticks(made.settings) as lake:
            drawn = lake.value("select count(*) from features.user_portraits")
            for number in range(2 * asked.ticks + 2):
                is_drawn = number % 2 == 0
                land_views(lake, TOUCHED, rng)
                wall, work = time.perf_counter(), time.process_time()
                with ExitStack() as patched:
                    for name, nothing in () if is_drawn else WITHOUT.items():
                        patched.enter_context(mock.patch.object(relist, name, nothing))
                    run_tick(lake, made.domain, LandingSource(100_000), run_id="bench", now=utc_now())
                if number > 1:  # the first of each warms
                    seconds[is_drawn].append((time.perf_counter() - wall, time.process_time() - work))
    median = {is_drawn: np.median(taken, axis=0) for is_drawn, taken in seconds.items()}
    wall, work = median[True] / median[False]
    print(f"{drawn:,} portraits; a tick of {TOUCHED} people, median of {asked.ticks} each way")
    print(f"with {median[True][0]:.2f} s, without {median[False][0]:.2f} s")
    print(f"{wall:.2f} times as long, {work:.2f} times the processor time")


if __name__ == "__main__":
    main()
