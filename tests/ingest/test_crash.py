"""kill -9 at random moments of an ingest, then run it again: the tables of a run that nobody killed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from include.installation import REPO
from include.lake.lake import Lake, open_lake
from include.settings import Settings

RUN = """
import sys
from datetime import datetime
from include.config.domain import load_domain
from include.ingest.ingest import ingest_pending
from include.lake.lake import open_lake
from include.settings import load_settings

settings = load_settings({"NIGHTJAR_HOME": sys.argv[1], "NIGHTJAR_CONFIG": sys.argv[2]})
with open_lake(settings) as lake:
    print("open", flush=True)
    ingest_pending(lake, load_domain(settings.config), settings, run_id="r",
                   ingested_at=datetime(2024, 6, 1), max_rows=400)
"""
TABLES = {
    "raw.events": "* exclude (batch_id)",
    "raw.items": "* exclude (batch_id)",
    "raw.quarantine": "* exclude (batch_id)",
    "ops.ingests": "* exclude (batch_id)",
    "ops.watermarks": "*",
}


def start(settings: Settings) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", RUN, str(settings.home), str(settings.config)]
    return subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(settings: Settings) -> float:
    """Run to the end; returns seconds since the lake was open."""
    process = start(settings)
    assert process.stdout is not None
    process.stdout.readline()
    opened = time.monotonic()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return time.monotonic() - opened


def contents(lake: Lake) -> dict[str, list[tuple[object, ...]]]:
    return {table: lake.rows(f"select {what} from {table} order by all") for table, what in TABLES.items()}


def land(settings: Settings) -> None:
    for i in range(5):
        lines = [
            {
                "user_id": f"u{n % 7}" if n % 50 else "",
                "item_id": f"i{n % 11}",
                "event_type": "purchase",
                # Some rows come in every file: deduplicated across batches.
                "event_at": 1714557600 + 3600 * (n + 300 * i if n % 10 else n),
            }
            for n in range(300)
        ]
        write(settings.landing / "events" / f"{i}.jsonl", lines)
        write(
            settings.landing / "items" / f"{i}.jsonl",
            [{"item_id": f"i{n}", "title": f"{n}-{i}"} for n in range(11)],
        )


def write(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.faults
def test_killed_anywhere_and_run_again(settings: Settings) -> None:
    land(settings)
    seconds = finish(settings)
    with open_lake(settings) as lake:
        undisturbed = contents(lake)
        assert lake.value("select count(*) from ops.ingests") == 10
        for table in TABLES:
            lake.con.execute(f"delete from {table}")
    chance = random.Random(7)
    kills = 0
    for _ in range(15):
        process = start(settings)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, seconds / 4))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        process.communicate()
    finish(settings)
    assert kills >= 3
    with open_lake(settings) as lake:
        assert contents(lake) == undisturbed
    assert not list((settings.home / "tmp").glob("ingest-*"))
