"""What a batch is before and after its commit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from include.landing.files import PendingFile
from include.landing.prepare import PreparedFile


@dataclass(frozen=True)
class StagedBatch:
    """Files of one kind, typed and judged in the temporary table ``table`` of the lake's connection.

    batch_id: follows from names and contents, so the same files are the same batch.
    remaining: files that the limits left for a later batch.
    """

    kind: str
    batch_id: str
    run_id: str
    ingested_at: datetime
    late_after_days: float
    files: tuple[PreparedFile, ...]
    remaining: tuple[PendingFile, ...]
    # Positions to commit with the rows: (source of ops.watermarks, next offset, rows that wait or None).
    offsets: tuple[tuple[str, str, int | None], ...] = ()

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
