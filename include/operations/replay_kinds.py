"""Quarantine judged again: all kinds, or a count of what would be."""

from __future__ import annotations

import logging
from datetime import datetime

from include.config.domain import Domain
from include.ingest.ingest import KINDS
from include.ingest.replay import replay_quarantine
from include.lake.lake import Lake

log = logging.getLogger(__name__)


def replay_kinds(
    lake: Lake,
    domain: Domain,
    *,
    run_id: str,
    now: datetime,
    kind: str | None = None,
    reason: str | None = None,
    is_dry_run: bool = False,
) -> dict[str, int]:
    """Kind -> rows that left the quarantine, or with is_dry_run those that would be judged.

    kind: only that one.  reason: only rows whose reason begins with it.  Items and users go first: an
    event of a new item then finds it.
    """
    found = {}
    for name in (kind,) if kind else KINDS:
        waiting = lake.value(
            "select count(*) from raw.quarantine where raw is not null and starts_with(source, ? || '/')"
            " and (?::varchar is null or starts_with(reason, ?))",
            [name, reason, reason],
        )
        if is_dry_run:
            found[name] = int(waiting)
            continue
        counts = replay_quarantine(lake, domain, name, run_id=run_id, ingested_at=now, reason=reason)
        found[name] = -counts.quarantined
        log.info("%s: %d of %d quarantined rows were taken in", name, -counts.quarantined, waiting)
    return found
