"""Call the Spark job on a snapshot of raw.events, in a process of its own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from include.config.domain import Domain
from include.errors import DataError
from include.features.confidence import confidence_of
from include.features.java import java_options
from include.features.job import run_feature_job
from include.features.manifest import FEATURE_TABLES, EventFile, Manifest
from include.lake.lake import Lake
from include.settings import Settings

log = logging.getLogger(__name__)

# What is recent: a month, or one half-life where the domain forgets faster (news).
MAX_RECENT_DAYS = 30.0


@dataclass(frozen=True)
class TableFiles:
    """Parquet files of one table as Spark wrote them; rows in all of them."""

    files: tuple[str, ...]
    rows: int


@dataclass(frozen=True)
class FeatureFiles:
    """tables: cutoff's name -> table of schema features -> its files.  seconds: wall.  events: rows read."""

    tables: dict[str, dict[str, TableFiles]]
    events: int
    seconds: float
    log: Path

    def files(self, cutoff: str, table: str) -> tuple[str, ...]:
        return self.tables[cutoff][table].files


def build_features(
    lake: Lake,
    domain: Domain,
    settings: Settings,
    *,
    run_id: str,
    snapshot: int,
    cutoffs: Mapping[str, datetime],
    out: str | None = None,
    tables: Mapping[str, Sequence[str]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> FeatureFiles:
    """Build the feature tables of the events at ``snapshot`` as of each cutoff (naive UTC), in one session.

    out: a fresh folder below the lake's data folder, so that a publish can adopt the files; None: one is
        made up.
    tables: cutoff's name -> tables to build; all where it is not named.
    environ: passed on to the job; None: this process's.
    Raises DataError without events, NightjarError with the log's last lines when the job fails.
    """
    started = time.monotonic()
    listed = lake.files("raw.events", snapshot)
    files = [EventFile(_address(data), deletes and _address(deletes)) for data, deletes in listed]
    events = int(lake.value(f"select count(*) from raw.events at (version => {int(snapshot)})"))
    if not files or not events:
        raise DataError(f"raw.events holds no event at snapshot {snapshot}; land events and ingest them")
    folder = out or f"{lake.catalog.data}features/{uuid4().hex}"
    work = settings.runs / "spark" / Path(folder).name
    manifest = Manifest(
        files=files,
        snapshot=snapshot,
        rows=events,
        confidence=confidence_of(domain.events),
        cutoffs=dict(cutoffs),
        tables={name: tuple((tables or {}).get(name, FEATURE_TABLES)) for name in cutoffs},
        recent_days=min(MAX_RECENT_DAYS, domain.events.half_life_days),
        output=_address(folder),
    )
    environ = os.environ if environ is None else environ
    logfile = run_feature_job(
        manifest, work, master=settings.spark_master, environ=environ, java_options=java_options(environ)
    )
    written = {
        cutoff: {table: _written(lake, f"{folder}/{cutoff}/{table}") for table in manifest.tables[cutoff]}
        for cutoff in cutoffs
    }
    seconds = time.monotonic() - started
    rows = sum(table.rows for cutoff in written.values() for table in cutoff.values())
    log.info("features of run %s: %d events in, %d rows out, %.1f s", run_id, events, rows, seconds)
    return FeatureFiles(written, events, seconds, logfile)


def _written(lake: Lake, folder: str) -> TableFiles:
    counted = lake.rows(
        "select file_name, num_rows from parquet_file_metadata(?) order by file_name", [f"{folder}/*.parquet"]
    )
    return TableFiles(tuple(str(name) for name, _ in counted), sum(int(rows) for _, rows in counted))


def _address(path: str) -> str:
    """What Hadoop calls it: DuckDB says s3://, Hadoop's S3 client listens to s3a://."""
    return path.replace("s3://", "s3a://", 1) if path.startswith("s3://") else path
