"""A run of a past day: it makes that day's lists and keeps them beside the live set, never over it."""

from __future__ import annotations

import hashlib
from datetime import datetime

import duckdb

from include.evaluation.gate import check_staleness
from include.lake.lake import Lake
from include.nightly.stage_records import Ingested, Trained
from include.publish.champion import find_champion
from include.publish.publish import ARCHIVE, Publication, close_publication, replace_archived
from include.publish.staged_set import staged_relations
from include.run import Run


def is_backfill(lake: Lake, began: Ingested) -> bool:
    """Whether the run was asked for a day before the live model's.

    Data that end earlier by themselves (``clock: data``, rows taken away) are no backfill: that run is stale.
    """
    champion = find_champion(lake)
    return began.is_asked_for and champion is not None and bool(stale_reasons(lake, began))


def stale_reasons(lake: Lake, began: Ingested) -> tuple[str, ...]:
    """Why the run's set may not go live; none where it may."""
    champion = find_champion(lake)
    return check_staleness(began.as_of, champion.trained_as_of) if champion else ()


def keep_backfill(
    con: duckdb.DuckDBPyConnection, run: Run, began: Ingested, trained: Trained, published_at: datetime
) -> int:
    """Enter the staged set in schema archive, in the place of what the same run kept before; returns rows."""
    digest = hashlib.sha256(run.run_id.encode()).hexdigest()[:8]
    publication = Publication(
        f"backfill-{began.as_of:%Y%m%dT%H%M%S}-{digest}",
        "backfill",
        began.as_of,
        published_at,
        trained.model_version,
        run.run_id,
        began.snapshot,
    )
    replace_archived(con, staged_relations(run.parquet), publication)
    users, rows = con.execute(
        f"select count(distinct user_id), count(*) from {ARCHIVE}.recommendations where publication_id = ?",
        [publication.publication_id],
    ).fetchone()  # type: ignore[misc]
    close_publication(con, publication, users, rows, schema=ARCHIVE)
    return int(rows)
