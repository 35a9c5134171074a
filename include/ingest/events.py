"""Which staged events are new, and writing them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb

from include.contracts import EVENT_FIELDS
from include.ingest.staged_batch import StagedBatch

_FIELDS = ", ".join(name for name, _, _ in EVENT_FIELDS)
# Days without events between two ranges cost less to scan than another branch of the query (8 ms) does.
_GAP_DAYS = 3
# A batch that is spread wider reads the days between as well.
_MAX_RANGES = 24


def accept_events(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> int:
    """Insert the events that neither the batch nor the lake holds already; returns how many.

    An event is known by its event_id, whatever its time: the first in file order wins. An id that the landed
    row brings is looked for in all of the lake; one that was made of its fields, its time among them, on the
    days of the batch only, so that the cost follows the batch.
    """
    new = f"{staged.table} where reason is null"
    firsts = _first_rows(con, new)
    known = " union all ".join(_known_ids(con, new))
    con.execute(
        f"create or replace temp table {staged.accepted_table} as"
        f" select nj_file, {_FIELDS} from (select * from {new})"
        + (f" semi join ({firsts}) using (seq)" if firsts else "")
        + (f" anti join ({known}) using (event_id)" if known else "")
        + " order by event_at, seq"
    )
    row = con.execute(
        f"insert into raw.events ({_FIELDS}, batch_id, ingested_at)"
        f" select {_FIELDS}, ?, ? from {staged.accepted_table}",
        [staged.batch_id, staged.ingested_at],
    ).fetchone()
    return int(row[0]) if row else 0


def _known_ids(con: duckdb.DuckDBPyConnection, new: str) -> list[str]:
    """SELECTs of event_id from raw.events that together find each id of the batch which the lake holds."""
    given = con.execute(f"select count(*) from (select * from {new}) where has_own_id").fetchone()
    if given and given[0]:
        return [f"select event_id from raw.events where event_id in (select event_id from {new})"]
    days = [row[0] for row in con.execute(f"select distinct event_at::date from {new}").fetchall()]
    held = "select event_id from raw.events where event_at >= timestamp '{}' and event_at < timestamp '{}'"
    return [held.format(first, end) for first, end in day_ranges(days)]


def _first_rows(con: duckdb.DuckDBPyConnection, new: str) -> str | None:
    """SELECT of the first row of each event_id; None: no event_id comes twice, as in most batches."""
    row = con.execute(f"select count(*), count(distinct event_id) from {new}").fetchone()
    assert row is not None
    return None if row[0] == row[1] else f"select min(seq) as seq from {new} group by event_id"


def day_ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days as few half-open ranges [first, end), each small enough that files and row groups are skipped."""
    ranges: list[tuple[date, date]] = []
    for day in sorted(days):
        end = day + timedelta(days=1)
        if ranges and (day - ranges[-1][1]).days <= _GAP_DAYS:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((day, end))
    while len(ranges) > _MAX_RANGES:
        gaps = [(ranges[i + 1][0] - ranges[i][1], i) for i in range(len(ranges) - 1)]
        _, i = min(gaps)
        ranges[i : i + 2] = [(ranges[i][0], ranges[i + 1][1])]
    return ranges
