"""Landing files of many events into raw.events: python -m benchmarks.taking_in [--events 20000000]

The same number of purchases in ten Parquet files, over a day, a year and thirty years, and over thirty years
with an id of its own on each row. Each in a process and a home of its own; then one more event on top.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from include.config.domain import load_domain
from include.ingest.ingest import ingest_pending
from include.lake.catalog import quote
from include.lake.lake import Lake, open_lake
from include.settings import Settings, load_settings, utc_now

DOMAIN = "domain: benchmark\nevents: {types: {purchase: {weight: 1}}}\n"
FILES = 10
BEGIN = datetime(1995, 1, 1)
USERS, ITEMS = 200_000, 20_000
# Name -> days that the events span, and whether each brings an id.
CASES = {
    "a day": (1, False),
    "a year": (365, False),
    "thirty years": (10_957, False),
    "thirty years, each with an id of its own": (10_957, True),
}


def land_events(folder: Path, events: int, days: int, *, has_ids: bool) -> None:
    """Rows in random order of time, as an export that is sorted by anything else."""
    step = max(1, days * 86_400_000_000 // events)
    own_id = ", number::varchar as event_id" if has_ids else ""
    with duckdb.connect() as con:
        con.execute("set enable_progress_bar = false")
        for file in range(FILES):
            con.execute(
                f"copy (select 'u' || hash(number) % {USERS} as user_id, 'i' || hash(number + 1) % {ITEMS}"
                f" as item_id, 'purchase' as event_type, timestamp '{BEGIN}'"
                f" + to_microseconds(number * {step}) as event_at {own_id}"
                f" from range({file}, {events}, {FILES}) as numbers(number) order by hash(number))"
                f" to {quote(str(folder / f'{file}.parquet'))} (format parquet)"
            )


def take_in(lake: Lake, settings: Settings) -> float:
    """Seconds.  Raises AssertionError where a landed row is missing."""
    domain = load_domain(settings.config)
    began = time.monotonic()
    report = ingest_pending(lake, domain, settings, run_id="benchmark", ingested_at=utc_now())
    assert report.rows_in and report.accepted == report.rows_in, report
    return time.monotonic() - began


def measure(name: str, events: int) -> None:
    days, has_ids = CASES[name]
    with tempfile.TemporaryDirectory(prefix="nightjar-bench-") as folder:
        config = Path(folder) / "benchmark.yaml"
        config.write_text(DOMAIN, encoding="utf-8")
        settings = load_settings({"NIGHTJAR_HOME": f"{folder}/home", "NIGHTJAR_CONFIG": str(config)})
        settings.make_folders()
        land_events(settings.landing / "events", events, days, has_ids=has_ids)
        with open_lake(settings) as lake:
            seconds = take_in(lake, settings)
            files, size = lake.rows(
                "select count(*), sum(data_file_size_bytes) from ducklake_list_files('nightjar', 'events',"
                " schema => 'raw')"
            )[0]
            row = {"user_id": "u1", "item_id": "i1", "event_type": "purchase"}
            row["event_at"] = (BEGIN + timedelta(days=days / 2, microseconds=1)).isoformat()
            more = settings.landing / "events" / "more.jsonl"
            more.write_text(json.dumps(row | ({"event_id": "more"} if has_ids else {})) + "\n")
            one_more = take_in(lake, settings)
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| {name} | {seconds:.0f} | {files} | {size / 1e6:.0f} | {gigabytes:.1f} GB | {one_more:.2f} s |",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000_000)
    events = parser.parse_args().events
    print(
        "| over | seconds | files | MB | largest process | one more event |\n|---|---|---|---|---|---|",
        flush=True,
    )
    context = multiprocessing.get_context("spawn")
    for name in CASES:
        process = context.Process(target=measure, args=(name, events))
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
