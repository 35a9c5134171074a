"""Taking in everything that waits in the landing folders, a transaction a batch."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from include.config.domain import Domain
from include.errors import OvertakenError
from include.ingest.batch import BatchLimits, commit_batch, stage_batch
from include.ingest.pending import find_pending
from include.ingest.staged_batch import BatchCounts, StagedBatch
from include.ingest.unlisted import enter_unlisted
from include.lake.lake import Lake
from include.landing.files import PendingFile
from include.settings import Settings

log = logging.getLogger(__name__)
# Items and users first: an event of a new item then finds it.
KINDS = ("items", "relations", "users", "events")


@dataclass(frozen=True)
class KindReport:
    """What a run took in of one kind.  rows_in = accepted + quarantined + deduplicated."""

    kind: str
    batches: int = 0
    files: int = 0
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    deduplicated: int = 0
    late: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class IngestReport:
    """problems: files that were not read, as (kind, name, reason)."""

    kinds: tuple[KindReport, ...]
    problems: tuple[tuple[str, str, str], ...]

    @property
    def rows_in(self) -> int:
        return sum(kind.rows_in for kind in self.kinds)

    @property
    def accepted(self) -> int:
        return sum(kind.accepted for kind in self.kinds)


def ingest_pending(
    lake: Lake,
    domain: Domain,
    settings: Settings,
    *,
    run_id: str,
    ingested_at: datetime,
    kinds: Sequence[str] = KINDS,
    max_rows: int | None = None,
    progress: Callable[[KindReport], None] | None = None,
) -> IngestReport:
    """Take in all files that wait, kind by kind.

    max_rows: rows of a batch at most, files being whole.  progress: called after each commit with the kind's
    figures so far.  A killed run loses nothing: what was committed is in the ledger, the rest still waits.
    """
    limits = BatchLimits(rows=max_rows) if max_rows else BatchLimits()
    reports: list[KindReport] = []
    problems: list[tuple[str, str, str]] = []
    for kind in kinds:
        report = KindReport(kind)
        waiting: Sequence[PendingFile] = find_pending(lake, domain, settings, kind)
        while waiting:
            started = time.monotonic()
            staged = stage_batch(
                lake, domain, kind, waiting, run_id=run_id, ingested_at=ingested_at, limits=limits
            )
            if staged is None:
                break
            try:
                counts = write_batch(lake, staged)
            except OvertakenError as error:
                log.info("%s", error)
                waiting = find_pending(lake, domain, settings, kind)
                continue
            report = _add(report, counts, time.monotonic() - started)
            problems += [(kind, file.name, file.problem) for file in staged.files if file.problem]
            waiting = staged.remaining
            if progress:
                progress(report)
        reports.append(report)
    return IngestReport(tuple(reports), tuple(problems))


def write_batch(lake: Lake, staged: StagedBatch) -> BatchCounts:
    """Commit a staged batch on its own."""

    def work(con: duckdb.DuckDBPyConnection) -> BatchCounts:
        counts = commit_batch(con, staged)
        if counts.accepted:
            enter_unlisted(con, staged.kind, staged.batch_id)
        return counts

    return lake.write(
        work,
        run_id=staged.run_id,
        message=f"ingest {staged.kind}: batch {staged.batch_id}, {len(staged.files)} files",
    )


def _add(report: KindReport, counts: BatchCounts, seconds: float) -> KindReport:
    log.info(
        "%s: %d files, %d rows in, %d accepted, %d quarantined, %d deduplicated, %.2f s",
        report.kind,
        counts.files,
        counts.rows_in,
        counts.accepted,
        counts.quarantined,
        counts.deduplicated,
        seconds,
    )
    return replace(
        report,
        batches=report.batches + 1,
        files=report.files + counts.files,
        rows_in=report.rows_in + counts.rows_in,
        accepted=report.accepted + counts.accepted,
        quarantined=report.quarantined + counts.quarantined,
        deduplicated=report.deduplicated + counts.deduplicated,
        late=report.late + counts.late,
        seconds=report.seconds + seconds,
    )
