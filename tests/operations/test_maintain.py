"""Maintenance: what is old goes, what is live or kept stays readable, and counts are told before."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from include.config.domain_file import MaintenanceConfig
from include.lake.lake import Lake, open_lake
from include.operations import maintain as module
from include.operations.maintain import maintain
from include.operations.rollback import kept_publications, rollback
from include.settings import Settings, utc_now
from tests.support.books import NEWEST, Run, listed, purchase
from tests.support.nightly import land

KEEP = MaintenanceConfig()


def files_on_disk(lake: Lake) -> int:
    return sum(1 for _ in Path(lake.catalog.data).rglob("*.parquet"))


def live_files(lake: Lake) -> int:
    """Of all tables, with their files of deleted rows."""
    tables = lake.rows(
        "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'nightjar'"
    )
    listed_files = [file for (table,) in tables for file in lake.files(table)]
    return sum(1 + (deletes is not None) for _, deletes in listed_files)


def many_ticks(lake: Lake, settings: Settings, tick: Run, n: int = 12) -> None:
    for number in range(n):
        item = listed(lake, "u00")[0]
        land(
            settings,
            "events",
            f"t{number}.jsonl",
            [purchase("u00", item, NEWEST + timedelta(minutes=number))],
        )
        tick()


def test_refreshes_expire_and_the_nightly_can_still_be_read(
    lake: Lake, settings: Settings, tick: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    nightly = kept_publications(lake)[0]
    first = lake.rows("from serving.recommendations order by all")
    many_ticks(lake, settings, tick)
    newest = lake.rows("from serving.recommendations order by all")
    before = files_on_disk(lake)
    monkeypatch.setattr(module, "IN_USE", timedelta(0))
    tomorrow = utc_now() + timedelta(days=2)
    counted = maintain(lake, KEEP, run_id="m", now=tomorrow, is_dry_run=True)
    assert files_on_disk(lake) == before and len(counted.snapshots) > 10
    done = maintain(lake, KEEP, run_id="m", now=tomorrow)
    assert done.snapshots == counted.snapshots
    maintain(lake, KEEP, run_id="m", now=tomorrow)  # what the merges of the first left behind
    assert lake.rows("from serving.recommendations order by all") == newest
    assert lake.rows(f"from serving.recommendations at (version => {nightly.snapshot}) order by all") == first
    with open_lake(settings, read_only=True) as reader:
        assert reader.rows("from serving.recommendations order by all") == newest
    assert files_on_disk(lake) < 2 * live_files(lake) + 10 < before
    rollback(lake, nightly.publication_id, run_id="back", now=tomorrow)
    assert listed(lake, "u00") == [row[2] for row in first if row[0] == "u00"]


def test_what_is_younger_stays(lake: Lake, settings: Settings, tick: Run) -> None:
    many_ticks(lake, settings, tick, 2)
    kept = len(kept_publications(lake))
    done = maintain(lake, KEEP, run_id="m", now=utc_now())
    assert (done.snapshots, done.folders, done.models) == ((), (), ())
    assert len(kept_publications(lake)) == kept


def test_old_runs_unadopted_features_models_and_reports_go(lake: Lake, settings: Settings) -> None:
    now = utc_now()
    features = Path(lake.catalog.data) / "features"
    champion = lake.value("select artifact from ops.model_versions where status = 'champion'")
    adopted = {Path(file).parent for file, _ in lake.files("features.user_items")}
    old = [settings.runs / "old", features / "killed"]
    for folder in old:
        folder.mkdir(parents=True)
        (folder / "part.parquet").write_text("")
    stale = [
        settings.models / "stale.npz",
        settings.reports / "old.html",
        settings.home / "served" / "2020-01-01.jsonl",
        settings.home / "exports" / "old.json",
    ]
    for file in stale:
        file.parent.mkdir(exist_ok=True)
        file.write_text("")
    for path in (*old, *stale, settings.models / champion, *adopted):
        os.utime(path, (0, 0))
    done = maintain(lake, KEEP, run_id="m", now=now)
    assert set(done.folders) == set(old) and (*done.models, *done.reports) == tuple(stale)
    assert not any(path.exists() for path in (*old, *stale))
    assert (settings.models / champion).exists() and all(folder.exists() for folder in adopted)
    assert done.describe().startswith("0 snapshots, ")
