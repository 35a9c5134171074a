"""Batches whose rows no list knows yet: taken in by a nightly or a replay, and nothing published since.

Whoever commits a batch without listing whom it touches enters it; the publish that follows, or else the next
tick, folds it in and takes it out. So a nightly that is refused after it took rows in hides none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from include.lake.insert_rows import insert_rows


@dataclass(frozen=True)
class Unlisted:
    """after: only events later than that; None: all rows.  rows: accepted ones."""

    batch_id: str
    kind: str
    after: datetime | None
    rows: int
    first_event_at: datetime | None


def enter_unlisted(con: duckdb.DuckDBPyConnection, kind: str, batch_id: str) -> None:
    """For use in the transaction that commits the batch."""
    insert_rows(con, "ops.unlisted_batches", [{"batch_id": batch_id, "source": kind, "after": None}])


def find_unlisted(con: duckdb.DuckDBPyConnection, max_rows: int) -> list[Unlisted]:
    """Those that were committed first, of max_rows rows together, but one at least."""
    waiting = con.execute("select batch_id, source, after from ops.unlisted_batches").fetchall()
    if not waiting:
        return []
    counted = con.execute(
        "select batch_id, source, sum(accepted)::bigint, min(first_event_at) from ops.ingests"
        " where batch_id in (select unnest(?)) group by all order by min(ingested_at), batch_id",
        [[batch_id for batch_id, *_ in waiting]],
    ).fetchall()
    after = {(batch_id, kind): instant for batch_id, kind, instant in waiting}
    found: list[Unlisted] = []
    rows = 0
    for batch_id, kind, accepted, first_event_at in counted:
        if found and rows + accepted > max_rows:
            break
        rows += accepted
        found.append(Unlisted(batch_id, kind, after[batch_id, kind], accepted, first_event_at))
    return found


def forget_unlisted(con: duckdb.DuckDBPyConnection, batches: Sequence[Unlisted]) -> None:
    """Their rows are in the lists that this transaction writes."""
    if batches:
        con.execute(
            "delete from ops.unlisted_batches where batch_id in (select unnest(?))",
            [[batch.batch_id for batch in batches]],
        )


def keep_unlisted_after(con: duckdb.DuckDBPyConnection, snapshot: int, as_of: datetime) -> None:
    """Of what lay in the lake at a nightly's snapshot, its set leaves the events after its cutoff unlisted.

    Call after the catch-up, which lists whatever came since the snapshot.
    """
    left = con.execute(
        "select distinct waiting.batch_id"
        " from ops.unlisted_batches as waiting"
        f" inner join (from ops.ingests at (version => {int(snapshot)})) as ingests using (batch_id)"
        " where waiting.source = 'events' and ingests.last_event_at > $as_of::timestamp",
        {"as_of": as_of},
    ).fetchall()
    con.execute("delete from ops.unlisted_batches")
    rows = [{"batch_id": batch_id, "source": "events", "after": as_of} for (batch_id,) in left]
    insert_rows(con, "ops.unlisted_batches", rows)
