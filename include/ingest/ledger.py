"""What is committed beside the rows: quarantine, ledger (ops.ingests) and watermarks."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb

from include.errors import DataError
from include.ingest.staged_batch import BatchCounts, StagedBatch
from include.lake.user_search import row_by_row


def write_quarantine(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> int:
    """Insert rejected rows, and one row at position 0 for each file that was not read; returns how many."""
    _list_files(con, staged)
    row = con.execute(
        "insert into raw.quarantine (source, position, reason, raw, batch_id, ingested_at)"
        " select ? || '/' || f.name, r.position, r.reason, r.raw, ?, ? from ("
        f"  select nj_file, position, reason, raw from {staged.table} where reason is not null"
        "   union all select number, 0, problem, null from staged_files where problem is not null"
        " ) r join staged_files f on f.number = r.nj_file order by r.nj_file, r.position",
        [staged.kind, staged.batch_id, staged.ingested_at],
    ).fetchone()
    return int(row[0]) if row else 0


def _list_files(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> None:
    files = staged.files
    con.execute(
        "create or replace temp table staged_files as select unnest(?::integer[]) as number,"
        " unnest(?::varchar[]) as name, unnest(?::varchar[]) as content_hash, unnest(?::bigint[]) as bytes,"
        " unnest(?::varchar[]) as status, unnest(?::varchar[]) as problem, unnest(?::bigint[]) as repeats",
        [
            [file.number for file in files],
            [file.name for file in files],
            [file.content_hash for file in files],
            [file.bytes for file in files],
            [file.status for file in files],
            [file.problem for file in files],
            [file.repeats for file in files],
        ],
    )


def write_ledger(con: duckdb.DuckDBPyConnection, staged: StagedBatch, before: datetime | None) -> BatchCounts:
    """Insert a row of ops.ingests for each file; returns their sums.  Call after ``write_quarantine``.

    A file that was not read counts as one row, quarantined. A file that repeats another's content counts that
    one's rows, all deduplicated.  before: the watermark before this batch.  Raises DataError when the rows
    accepted and quarantined are more than came.
    """
    is_events = staged.kind == "events"
    times = "min(event_at), max(event_at)" if is_events else "null::timestamp, null::timestamp"
    horizon = before - timedelta(days=staged.late_after_days) if before else None
    late = "count(*) filter (event_at < ?)" if horizon else "0"
    con.execute(
        "create or replace temp table staged_ledger as"
        f" with accepted as (select nj_file, count(*) as rows, {late} as late, {times}"
        f"   from {staged.accepted_table} group by nj_file),"
        " accepted_counts(nj_file, n, late, first_at, last_at) as (select * from accepted),"
        " staged_counts as (select nj_file, count(*) as n, count(reason) as bad from "
        f"{staged.table} group by nj_file),"
        " counts as (select f.*, coalesce(s.n, 0) + (f.problem is not null)::int as own_rows,"
        "   coalesce(s.bad, 0) + (f.problem is not null)::int as bad, coalesce(a.n, 0) as good,"
        "   coalesce(a.late, 0) as late, a.first_at, a.last_at"
        "  from staged_files f left join staged_counts s on s.nj_file = f.number"
        "   left join accepted_counts a on a.nj_file = f.number)"
        # A negative number points at the file of this batch that holds the same content.
        " select c.*, case when c.repeats >= 0 then c.repeats"
        "   when c.repeats < 0 then o.own_rows else c.own_rows end as rows_in"
        "  from counts c left join counts o on c.repeats < 0 and o.number = -1 - c.repeats",
        [horizon] if horizon else [],
    )
    con.execute(
        f"create or replace temp table {staged.ledger_table} as"
        " select ?::varchar as batch_id, ?::varchar as source, name as file, content_hash, bytes, status,"
        " rows_in, good as accepted, bad as quarantined, rows_in - good - bad as deduplicated, late,"
        " first_at as first_event_at, last_at as last_event_at, ?::timestamp as ingested_at,"
        " ?::varchar as run_id from staged_ledger order by number",
        [staged.batch_id, staged.kind, staged.ingested_at, staged.run_id],
    )
    con.execute(f"insert into ops.ingests by name select * from {staged.ledger_table}")
    row = con.execute(
        "select count(*), coalesce(sum(rows_in), 0), coalesce(sum(good), 0), coalesce(sum(bad), 0),"
        " coalesce(sum(rows_in - good - bad), 0), coalesce(sum(late), 0), min(rows_in - good - bad)"
        " from staged_ledger"
    ).fetchone()
    assert row is not None
    if row[6] is not None and row[6] < 0:
        raise DataError(
            f"batch {staged.batch_id} of {staged.kind}: more rows were accepted and quarantined than a file"
            " holds; nothing was committed; this is a bug: keep the files and report it"
        )
    return BatchCounts(staged.kind, *(int(figure) for figure in row[:6]))


def newest_event(con: duckdb.DuckDBPyConnection) -> datetime | None:
    """The watermark: time of the newest event ever accepted."""
    row = con.execute(
        f"select max(position::timestamp) from ops.watermarks where {row_by_row('source')} = 'events'"
    ).fetchone()
    return row[0] if row else None


def write_watermarks(con: duckdb.DuckDBPyConnection, staged: StagedBatch, before: datetime | None) -> None:
    """Move the watermark of the events, and the positions that the batch came with.  Call last."""
    if staged.kind == "events":
        row = con.execute(f"select max(event_at) from {staged.accepted_table}").fetchone()
        times = [time for time in (row[0] if row else None, before) if time is not None]
        # Rows of files that were not opened yet are not known; a drained folder has none.
        is_drained = not staged.remaining and all(one.lag_rows is not None for one in staged.offsets)
        waiting = 0 if is_drained else None
        if times:
            lag_seconds = (staged.ingested_at - max(times)).total_seconds()
            _set(con, "events", max(times).isoformat(sep=" "), lag_seconds, waiting, staged.ingested_at)
    for one in staged.offsets:
        _set(con, one.source, one.next, None, one.lag_rows, staged.ingested_at)


def _set(
    con: duckdb.DuckDBPyConnection,
    source: str,
    position: str,
    lag_seconds: float | None,
    lag_rows: int | None,
    updated_at: datetime,
) -> None:
    con.execute(f"delete from ops.watermarks where {row_by_row('source')} = ?", [source])
    con.execute(
        "insert into ops.watermarks (source, position, lag_seconds, lag_rows, updated_at)"
        " values (?, ?, ?, ?, ?)",
        [source, position, lag_seconds, lag_rows, updated_at],
    )
