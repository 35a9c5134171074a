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
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import NoneType
from typing import Generic, TypeVar, cast

import psutil
from pydantic import TypeAdapter

from include.config.domain import Domain
from include.errors import DataError
from include.settings import Settings, utc_now
from include.whole_files import write_whole

log = logging.getLogger(__name__)
SAMPLE_SECONDS = 0.1


R = TypeVar("R")


@dataclass(frozen=True)
class Stage(Generic[R]):
    """A stage and the dataclass of what it has later stages know; NoneType where that is nothing."""

    name: str
    record_type: type[R]

    @cached_property
    def records(self) -> TypeAdapter[R]:
        return TypeAdapter(self.record_type)


@dataclass(frozen=True)
class StageCost:
    """What a stage took in, gave out and cost: a row of ops.stages without its run.  seconds: wall."""

    stage: str
    rows_in: int
    rows_out: int
    seconds: float
    peak_rss_bytes: int
    finished_at: datetime


_COSTS = TypeAdapter(StageCost)


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

    def record(self, stage: Stage[R], record: R, cost: StageCost | None = None) -> None:
        """Keep what a stage wants later ones to know, and what it cost."""
        kept = {
            "record": stage.records.dump_python(record, mode="json"),
            "cost": cost and _COSTS.dump_python(cost, mode="json"),
        }
        write_whole(self.folder / f"{stage.name}.json", json.dumps(kept, indent=1))

    def recorded(self, stage: Stage[R]) -> R:
        """What a stage recorded.  Raises DataError when it has not run in this run."""
        try:
            kept = json.loads((self.folder / f"{stage.name}.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(
                f"run {self.run_id} has no record of its stage '{stage.name}'; run that stage first"
            ) from None
        return stage.records.validate_python(kept["record"])

    def costs(self) -> list[StageCost]:
        """Of all metered stages, in the order in which they finished."""
        kept = [json.loads(file.read_text(encoding="utf-8")) for file in self.folder.glob("*.json")]
        costs = [_COSTS.validate_python(one["cost"]) for one in kept if one["cost"]]
        return sorted(costs, key=lambda cost: cost.finished_at)


@dataclass
class Meter(Generic[R]):
    """rows_in, rows_out: set by the stage, and ``record``: what it has later stages know."""

    rows_in: int = 0
    rows_out: int = 0
    record: R | None = None


@contextmanager
def metered(run: Run, stage: Stage[R]) -> Iterator[Meter[R]]:
    """Measure a stage and record it: rows, wall seconds, largest resident size of one of its processes.

    Raises TypeError where a stage that promises a record sets none.
    """
    meter = Meter[R]()
    peak = _Peak()
    started = time.monotonic()
    with peak:
        yield meter
    seconds = round(time.monotonic() - started, 3)
    cost = StageCost(stage.name, meter.rows_in, meter.rows_out, seconds, peak.rss_bytes, utc_now())
    if meter.record is None and stage.record_type is not NoneType:
        raise TypeError(f"stage {stage.name!r} ended without its {stage.record_type.__name__}")
    run.record(stage, cast(R, meter.record), cost)
    log.info("%s: %d rows in, %d rows out, %.2f s", stage.name, meter.rows_in, meter.rows_out, seconds)


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
