"""A run: its folder, what each of its stages recorded, and what each stage cost."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from include.config.domain import Domain
from include.errors import DataError
from include.settings import Settings, utc_now
from include.whole_files import write_whole

log = logging.getLogger(__name__)
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """One DAG run.  Stages may run in processes of their own, so each records in a file of its own."""

    run_id: str
    settings: Settings
    domain: Domain

    @property
    def folder(self) -> Path:
        """Below NIGHTJAR_HOME/runs; the name keeps only characters that are safe in a path.

        A name that lost something carries a digest of the whole id: two runs never share a folder.
        """
        name = re.sub(r"[^A-Za-z0-9_-]", "_", self.run_id)[:120]
        if name != self.run_id:
            name += "-" + hashlib.sha256(self.run_id.encode()).hexdigest()[:12]
        return self.settings.runs / name

    @property
    def parquet(self) -> Path:
        """The staged set: tables written beside the live ones, kept for inspection when refused."""
        return self.folder / "staged"

    def record(self, stage: str, values: dict[str, Any]) -> None:
        """Keep what a stage wants later ones to know.  values: JSON; instants as datetime."""
        write_whole(self.folder / f"{stage}.json", json.dumps(values, indent=1, default=_encode))

    def recorded(self, stage: str) -> dict[str, Any]:
        """What a stage recorded.  Raises DataError when it has not run in this run."""
        try:
            values = json.loads((self.folder / f"{stage}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                f"run {self.run_id} has no record of its stage '{stage}'; run that stage first"
            ) from None
        return {key: _decode(value) for key, value in values.items()}

    def stages(self) -> list[dict[str, Any]]:
        """What all metered stages cost, in the order in which they finished."""
        records = [self.recorded(file.stem) for file in self.folder.glob("*.json")]
        return sorted((r for r in records if "seconds" in r), key=lambda r: r["finished_at"])


@dataclass
class Meter:
    """rows_in, rows_out: set by the stage.  values: what it records for later stages."""

    rows_in: int = 0
    rows_out: int = 0
    values: dict[str, Any] = field(default_factory=dict)


@contextmanager
def metered(run: Run, stage: str) -> Iterator[Meter]:
    """Measure a stage and record it: rows, wall seconds, largest resident size of one of its processes."""
    meter = Meter()
    peak = _Peak()
    started = time.monotonic()
    with peak:
        yield meter
    seconds = time.monotonic() - started
    cost = {
        "stage": stage,
        "rows_in": meter.rows_in,
        "rows_out": meter.rows_out,
        "seconds": round(seconds, 3),
        "peak_rss_bytes": peak.rss_bytes,
        "finished_at": utc_now(),
    }
    run.record(stage, {**meter.values, **cost})
    log.info("%s: %d rows in, %d rows out, %.2f s", stage, meter.rows_in, meter.rows_out, seconds)


class _Peak:
    """Samples the resident size of this process and its children, Spark's JVM among them."""

    def __init__(self) -> None:
        self.rss_bytes = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            try:
                for one in (process, *process.children(recursive=True)):
                    self.rss_bytes = max(self.rss_bytes, one.memory_info().rss)
            except psutil.Error:
                pass  # a child ended between listing and reading
            if self._stop.wait(SAMPLE_SECONDS):
                return


def _encode(value: object) -> object:
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot record a {type(value).__name__}: {value!r}")


def _decode(value: object) -> object:
    if isinstance(value, dict) and set(value) == {"instant"}:
        return datetime.fromisoformat(value["instant"])
    return value
