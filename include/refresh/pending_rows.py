"""Where a refresh gets its rows from: one small interface over landing files and Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from include.config.domain import Domain
from include.ingest.batch import BatchLimits, stage_batch
from include.ingest.ingest import KINDS
from include.ingest.pending import find_pending
from include.ingest.staged_batch import StagedBatch
from include.lake.lake import Lake


class BatchSource(Protocol):
    """Yields what waits as staged batches; what a batch contains is settled by the lake's own ledger."""

    def stage(self, lake: Lake, domain: Domain, run_id: str, ingested_at: datetime) -> list[StagedBatch]:
        """The next batch of each kind that has any, at most one a kind; empty: nothing waits.

        Called again after the batches were committed, or after they were rolled back: then it gives the
        same rows again.
        """
        ...


@dataclass(frozen=True)
class LandingSource:
    """Landing files.  batch_rows: rows of a batch at most, which bounds a tick's memory in a flood."""

    batch_rows: int

    def stage(self, lake: Lake, domain: Domain, run_id: str, ingested_at: datetime) -> list[StagedBatch]:
        staged = []
        for kind in KINDS:
            batch = stage_batch(
                lake,
                domain,
                kind,
                find_pending(lake, domain, lake.settings, kind),
                run_id=run_id,
                ingested_at=ingested_at,
                limits=BatchLimits(rows=self.batch_rows),
            )
            if batch is not None:
                staged.append(batch)
        return staged
