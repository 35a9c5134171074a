"""Ticks killed at random moments, while events arrive, end where untouched ones end."""

from __future__ import annotations

import random
import shutil
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest

from include.lake.lake import open_lake
from include.settings import Settings
from tests.conftest import IS_LONG
from tests.support.books import NEWEST, NOW, purchase
from tests.support.nightly import land
from tests.support.refresh_child import start_refresh

pytestmark = [pytest.mark.faults, pytest.mark.slow]
KILLS, FILES = (100, 40) if IS_LONG else (25, 10)
# Half of the time is imports and opening the lake unless the moments follow what a child is seen to take.
GIVE_UP_SECONDS = 400
COMPARED = {
    "raw.events": "* exclude (ingested_at)",
    "raw.items": "* exclude (ingested_at, updated_at)",
    "raw.quarantine": "* exclude (ingested_at)",
    "features.user_items": "*",
    "serving.recommendations": "*",
    "serving.candidates": "*",
    "serving.similar_items": "*",
    "serving.popular_items": "*",
    "serving.publications": "* exclude (published_at, events_snapshot, snapshot)",
    "ops.ingests": "* exclude (ingested_at)",
    "ops.watermarks": "* exclude (updated_at)",
}


def test_kills_at_random_change_nothing(settings: Settings, published_home: tuple[Path, Path]) -> None:
    rng = random.Random(3)
    files = [_events(rng, n) for n in range(FILES)]
    landed = kills = 0
    seconds = _seconds_of_one(settings, files[0])
    landed = 1
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while kills < KILLS:
        assert time.monotonic() < deadline, f"{kills} of {KILLS} kills in {GIVE_UP_SECONDS} s"
        if landed < FILES and kills >= landed * KILLS / FILES:
            land(settings, "events", f"{landed:03}.jsonl", files[landed])
            landed += 1
        child = start_refresh(settings.home, settings.config, NOW)
        child.join(rng.uniform(0.0, 1.2 * seconds))
        if child.is_alive():
            child.kill()
            child.join()
        kills += child.exitcode == -signal.SIGKILL
        assert child.exitcode in (0, -signal.SIGKILL)
        if child.exitcode == 0 and landed < FILES:
            land(settings, "events", f"{landed:03}.jsonl", files[landed])
            landed += 1
    for n in range(landed, FILES):
        land(settings, "events", f"{n:03}.jsonl", files[n])
    _finish(settings)
    killed = _state(settings)

    _start_over(settings, published_home, files)
    _finish(settings)
    left_alone = _state(settings)
    for table, rows in left_alone.items():
        assert killed[table] == rows, table
    assert len(left_alone["serving.publications"]) == FILES + 1


WRITES = ("begin", "commit", "insert", "delete", "update", "call")


def test_a_kill_after_any_statement_that_writes_changes_nothing(
    settings: Settings, published_home: tuple[Path, Path], tmp_path: Path
) -> None:
    rng = random.Random(4)
    trace = tmp_path / "statements.txt"
    rows = _events(rng, 0)
    land(settings, "events", "000.jsonl", rows)
    child = start_refresh(settings.home, settings.config, NOW, statements=trace)
    child.join(GIVE_UP_SECONDS)
    assert child.exitcode == 0
    statements = trace.read_text().splitlines()
    first = statements.index("begin")
    points = [
        number
        for number, sql in enumerate(statements[: statements.index("commit") + 1], start=1)
        if number > first and sql.startswith(WRITES)
    ]
    assert len(points) > 15
    files = [rows, *(_events(rng, n) for n in range(1, len(points) + 1))]
    for n, point in enumerate(points, start=1):
        land(settings, "events", f"{n:03}.jsonl", files[n])
        child = start_refresh(settings.home, settings.config, NOW, die_after=point)
        child.join(GIVE_UP_SECONDS)
        assert child.exitcode == -signal.SIGKILL, statements[point - 1]
        _finish(settings)
    killed = _state(settings)

    _start_over(settings, published_home, files)
    _finish(settings)
    for table, expected in _state(settings).items():
        assert killed[table] == expected, table


def _start_over(
    settings: Settings, published_home: tuple[Path, Path], files: list[list[dict[str, object]]]
) -> None:
    home, published = published_home
    shutil.rmtree(home)
    shutil.copytree(published, home)
    for n, rows in enumerate(files):
        land(settings, "events", f"{n:03}.jsonl", rows)


def _events(rng: random.Random, n: int) -> list[dict[str, object]]:
    at = NEWEST + timedelta(minutes=n + 1)
    return [purchase(f"u{rng.randrange(25):02}", f"b{rng.randrange(30):02}", at) for _ in range(3)]


def _seconds_of_one(settings: Settings, rows: list[dict[str, object]]) -> float:
    """What a child takes from its start to the end of a tick; the first one waits for the imports."""
    _finish(settings)
    land(settings, "events", "000.jsonl", rows)
    began = time.monotonic()
    _finish(settings)
    return time.monotonic() - began


def _finish(settings: Settings) -> None:
    child = start_refresh(settings.home, settings.config, NOW)
    child.join(GIVE_UP_SECONDS)
    assert child.exitcode == 0


def _state(settings: Settings) -> dict[str, list[tuple]]:
    with open_lake(settings, read_only=True) as lake:
        return {
            table: lake.rows(f"select {columns} from {table} order by all")
            for table, columns in COMPARED.items()
        }
