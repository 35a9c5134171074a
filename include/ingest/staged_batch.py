"""What a batch is before and after its commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.landing.files import PendingFile
from include.landing.prepare import PreparedFile


@dataclass(frozen=True)
class TopicPosition:
    """Where a batch begins and ends in a topic's partition.

    source: of ops.watermarks.  start: its position when the batch was read, None where it had none.
    next: the offset to go on from.  lag_rows: rows that wait after it, None where nobody knows.
    """

    source: str
    start: str | None
    next: str
    lag_rows: int | None


@dataclass(frozen=True)
class StagedBatch:
    """Files of one kind, typed and judged in the temporary table ``table`` of the lake's connection.

    batch_id: follows from names and contents, so the same files are the same batch.
    remaining: files that the limits left for a later batch.  offsets: positions to commit with the rows.
    erasures: how many people had been erased when its rows were judged.
    """

    kind: str
    batch_id: str
    run_id: str
    ingested_at: datetime
    late_after_days: float
    files: tuple[PreparedFile, ...]
    remaining: tuple[PendingFile, ...]
    offsets: tuple[TopicPosition, ...] = ()
    erasures: int = 0

    @property
    def table(self) -> str:
        return f"staged_{self.kind}"

    @property
    def accepted_table(self) -> str:
        """Temporary table of the rows that the commit accepted."""
        return f"accepted_{self.kind}"

    @property
    def ledger_table(self) -> str:
        """Temporary table of the rows that the commit added to ops.ingests."""
        return f"ledger_{self.kind}"


@dataclass(frozen=True)
class BatchCounts:
    """rows_in = accepted + quarantined + deduplicated.
    late: accepted events older than the watermark less the allowed lateness."""

    kind: str
    files: int
    rows_in: int
    accepted: int
    quarantined: int
    deduplicated: int
    late: int
