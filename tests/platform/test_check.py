"""`make check`: a domain file is tried on what has landed, and nothing is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from include.installation import REPO

DOMAIN = """\
domain: shop
events: {types: {purchase: {weight: 1}}}
sources:
  events:
    columns:
      user_id: Customer
      item_id: Code
      event_type: {sql: "'purchase'"}
      event_at: {sql: "%s"}
"""
GERMAN = "strptime(Day, '%d.%m.%Y')"


def check(home: Path, text: str) -> subprocess.CompletedProcess[str]:
    config = home / "shop.yaml"
    config.write_text(text)
    environ = os.environ | {"NIGHTJAR_HOME": str(home), "CONFIG": str(config)}
    command = [sys.executable, "-m", "bin.check"]
    return subprocess.run(command, cwd=REPO, env=environ, capture_output=True, text=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """120 German rows as CSV, and a Parquet file of items."""
    events = tmp_path / "landing" / "events"
    events.mkdir(parents=True)
    rows = [f"u{n},A{n % 7},{n % 28 + 1:02}.03.2024" for n in range(120)]
    (events / "march.csv").write_text("Customer,Code,Day\n" + "\n".join(rows) + "\n")
    (tmp_path / "landing" / "items").mkdir()
    items = pa.table({"item_id": [f"A{n}" for n in range(7)], "title": ["Tea"] * 7})
    pq.write_table(items, tmp_path / "landing" / "items" / "items.parquet")
    return tmp_path


def test_a_right_file_shows_rows_as_they_come_and_as_they_would_be_taken_in(home: Path) -> None:
    before = sorted(home.rglob("*"))
    done = check(home, DOMAIN % GERMAN)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every key is right" in done.stdout
    assert "120 rows in: 120 accepted, 0 quarantined" in done.stdout
    assert "    in  u0,A0,01.03.2024\n    out event_id=" in done.stdout
    assert "event_at=2024-03-01 00:00:00" in done.stdout
    assert done.stdout.count("    in  ") == 10 + 7
    assert sorted(home.rglob("*")) == sorted([*before, home / "shop.yaml"])


def test_a_wrong_mapping_is_told_with_counts_and_a_row(home: Path) -> None:
    done = check(home, DOMAIN % "Day")
    assert done.returncode == 1
    assert "120 rows in: 0 accepted, 120 quarantined" in done.stdout
    assert "120 bad_event_at" in done.stdout and "01.03.2024" in done.stdout
    assert "Nothing of events would be accepted" in done.stdout


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ((DOMAIN % GERMAN).replace("weight: 1", "wieght: 1"), "did you mean 'weight'?"),
        (DOMAIN % "upper(Day", "sources.events.columns.event_at"),
        ((DOMAIN % GERMAN).replace("user_id: Customer", "user: Customer"), "expected a field of event_id"),
    ],
)
def test_three_wrong_files_are_named_within_seconds(home: Path, text: str, says: str) -> None:
    began = time.monotonic()
    done = check(home, text)
    assert done.returncode == 2 and says in done.stdout and "Traceback" not in done.stderr
    assert time.monotonic() - began < 30  # for one that hangs: what it takes is told in docs/operations.md


def test_missing_columns_and_odd_rows_are_told(home: Path) -> None:
    (home / "landing" / "events" / "april.csv").write_text("Kunde,Code,Day\nu1,A1,01.04.2024\n")
    (home / "landing" / "events" / "a.jsonl").write_text(json.dumps({"Customer": "u1"}) + "\n")
    done = check(home, DOMAIN % GERMAN)
    assert "april.csv: 0 rows; missing_columns: Customer" in done.stdout
    assert "1 missing_item_id" in done.stdout and done.returncode == 0
