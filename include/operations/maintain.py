"""Keep the lake and its home as large as what they hold: expire, clean up, merge, prune."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.config.domain_file import MaintenanceConfig
from include.contracts import TABLES
from include.lake.catalog import ALIAS, quote
from include.lake.checksums import check_files
from include.lake.lake import Lake
from include.lake.lock import writer_lock
from include.refresh.compact import TABLES as TICKED
from include.refresh.compact import compact
from include.settings import Settings

log = logging.getLogger(__name__)
# Whoever reads a snapshot has opened its files within that time.
IN_USE = timedelta(hours=1)
# A run has published its features, and its model, within that time.
UNADOPTED = timedelta(days=1)


@dataclass(frozen=True)
class Maintained:
    """What went, or would go.  snapshots: ids.  files: of the lake's data that nothing needs any more.
    checked: files of the lake that were compared with their checksums."""

    snapshots: tuple[int, ...]
    files: int
    folders: tuple[Path, ...]
    models: tuple[Path, ...]
    reports: tuple[Path, ...]
    checked: int

    def describe(self) -> str:
        return (
            f"{len(self.snapshots)} snapshots, {self.files} files of the lake, {len(self.folders)} folders of"
            f" runs and unadopted features, {len(self.models)} models, {len(self.reports)} pages and logs;"
            f" {self.checked} files have the bytes that were written"
        )


def maintain(
    lake: Lake, keep: MaintenanceConfig, *, run_id: str, now: datetime, is_dry_run: bool = False
) -> Maintained:
    """Expire old snapshots and remove what only they needed; merge small files; prune runs, models, reports.

    Nightly and rollback publications stay readable for keep.publications_days, everything else for
    keep.snapshots_hours. Safe beside readers and writers: what a snapshot needed stays IN_USE longer.
    Raises LakeError, with everything as it was, where a file of the lake was altered.
    is_dry_run: count and change nothing.
    """
    # First of all: a merge would write what a flipped bit made of a row into a file that looks sound.
    checked = check_files(lake, is_dry_run=is_dry_run)
    checked.raise_if_altered()
    expired = tuple(_expired(lake, keep, now))
    folders = (*_old_runs(lake, keep, now), *_unadopted(lake, now))
    kept_snapshots = _kept(lake, keep, now)
    models = tuple(_unneeded_models(lake, kept_snapshots, now))
    reports = tuple(_old_pages(lake.settings, keep, now))
    if is_dry_run:
        return Maintained(expired, _removable(lake), folders, models, reports, checked.known)
    if expired:
        _call(lake, run_id, f"ducklake_expire_snapshots({quote(ALIAS)}, versions => {list(expired)})")
    compact(lake, run_id=run_id, tables=TICKED)
    _merge_others(lake, run_id)
    unused = f"now() - to_seconds({int(IN_USE.total_seconds())})"
    removed = _call(lake, run_id, f"ducklake_cleanup_old_files({quote(ALIAS)}, older_than => {unused})")
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    for file in (*models, *reports):
        file.unlink(missing_ok=True)
        file.with_name(file.name + ".sha256").unlink(missing_ok=True)
    check_files(lake)  # enters what the merges wrote
    done = Maintained(expired, removed, folders, models, reports, checked.known)
    log.info("maintained: %s", done.describe())
    return done


def _kept(lake: Lake, keep: MaintenanceConfig, now: datetime) -> set[int]:
    """Snapshots of publications that stay readable, the newest of all among them."""
    since = now - timedelta(days=keep.publications_days)
    rows = lake.rows(
        "select snapshot from serving.publications where snapshot is not null"
        " and ((kind <> 'refresh' and published_at >= ?::timestamp)"
        "  or publication_id = (select max(publication_id) from serving.publications))",
        [since],
    )
    return {int(snapshot) for (snapshot,) in rows}


def _expired(lake: Lake, keep: MaintenanceConfig, now: datetime) -> Iterator[int]:
    kept = _kept(lake, keep, now) | {lake.snapshot()}
    before = now - timedelta(hours=keep.snapshots_hours)
    for snapshot, at in lake.rows(
        f"select snapshot_id, snapshot_time at time zone 'UTC' from {ALIAS}.snapshots() order by snapshot_id"
    ):
        if at < before and snapshot not in kept:
            yield int(snapshot)


def _removable(lake: Lake) -> int:
    meta = f"__ducklake_metadata_{ALIAS}"
    return int(lake.value(f"select count(*) from {meta}.ducklake_files_scheduled_for_deletion"))


def _merge_others(lake: Lake, run_id: str) -> None:
    """Tables that ticks do not merge: a nightly adds a file or two to each."""
    for table in TABLES.values():
        if table.path not in TICKED:
            target = f"{quote(ALIAS)}, {quote(table.name)}, schema => {quote(table.schema)}"
            _call(lake, run_id, f"ducklake_merge_adjacent_files({target})")


def _call(lake: Lake, run_id: str, call: str) -> int:
    """Call one of DuckLake's own functions, alone; returns how many rows it gave."""
    with writer_lock(lake.lock_path, run_id):
        return len(lake.rows(f"call {call}"))


def _old_runs(lake: Lake, keep: MaintenanceConfig, now: datetime) -> Iterator[Path]:
    runs = lake.settings.runs
    than = now - timedelta(days=keep.runs_days)
    yield from (folder for folder in _older(runs, "*", than) if folder.name != "spark")
    yield from _older(runs / "spark", "*", than)


def _old_pages(settings: Settings, keep: MaintenanceConfig, now: datetime) -> Iterator[Path]:
    """Pages of runs, answers that the API gave, and exports of persons."""
    yield from _older(settings.reports, "*.html", now - timedelta(days=keep.reports_days))
    yield from _older(settings.home / "served", "*.jsonl", now - timedelta(days=keep.reports_days))
    yield from _older(settings.home / "exports", "*.json", now - timedelta(days=keep.runs_days))


def _unadopted(lake: Lake, now: datetime) -> Iterator[Path]:
    """Feature folders below the lake's data that no publish adopted: of runs that failed, or were killed."""
    if not lake.catalog.is_local:
        return
    meta = f"__ducklake_metadata_{ALIAS}"
    paths = [
        str(path)
        for (path,) in lake.rows(
            f"select path from {meta}.ducklake_data_file union"
            f" select path from {meta}.ducklake_files_scheduled_for_deletion"
        )
    ]
    features = Path(lake.catalog.data) / "features"
    for folder in _older(features, "*", now - UNADOPTED):
        is_table = folder.name in {table.name for table in TABLES.values()}
        if folder.is_dir() and not is_table and not any(f"/{folder.name}/" in path for path in paths):
            yield folder


def _unneeded_models(lake: Lake, kept: set[int], now: datetime) -> Iterator[Path]:
    """Models that no kept publication has, older than a day: a nightly trains before it publishes."""
    needed = {
        str(artifact)
        for (artifact,) in lake.rows(
            "select models.artifact from ops.model_versions as models"
            " inner join serving.publications as publications using (model_version)"
            " where publications.snapshot in (select unnest(?)) or models.status = 'champion'"
            " union select models.artifact from ops.model_versions as models"
            " semi join archive.publications as publications using (model_version)",
            [sorted(kept)],
        )
    }
    for file in _older(lake.settings.models, "*.npz", now - UNADOPTED):
        if file.name not in needed:
            yield file


def _older(folder: Path, pattern: str, than: datetime) -> Iterator[Path]:
    for path in sorted(folder.glob(pattern)) if folder.is_dir() else ():
        if datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None) < than:
            yield path
