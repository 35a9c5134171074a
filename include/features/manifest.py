"""What the Spark job is told: a JSON file, so that the job needs neither the lake's catalog nor Airflow."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from include.features.confidence import Confidence

FEATURE_TABLES = ("user_items", "user_stats", "item_stats")


@dataclass(frozen=True)
class EventFile:
    """A Parquet file of raw.events, and the file of its deleted rows or None."""

    data: str
    deletes: str | None


@dataclass(frozen=True)
class Manifest:
    """One call of spark_jobs/build_features.py.

    files: raw.events at ``snapshot``.  rows: how many rows they hold, which sizes the shuffles.
    cutoffs: name -> instant, naive UTC; a folder <output>/<name>/<table>/ is written for each.
    tables: cutoff's name -> tables of schema features to write.
    recent_days: the window of item_stats.recent_events.
    """

    files: Sequence[EventFile]
    snapshot: int
    rows: int
    confidence: Confidence
    cutoffs: Mapping[str, datetime]
    tables: Mapping[str, Sequence[str]]
    recent_days: float
    output: str

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), default=datetime.isoformat, indent=1), encoding="utf-8")


def read_manifest(path: Path) -> Manifest:
    """The inverse of Manifest.write."""
    data = json.loads(path.read_text(encoding="utf-8"))
    data["files"] = [EventFile(**file) for file in data["files"]]
    data["confidence"] = Confidence(**data["confidence"])
    data["cutoffs"] = {name: datetime.fromisoformat(value) for name, value in data["cutoffs"].items()}
    return Manifest(**data)
