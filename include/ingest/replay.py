"""Quarantined rows judged again, once what was wrong with them is mended in the domain file."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

import duckdb

from include.config.domain import FIELDS, Domain
from include.errors import ConfigError, LakeError
from include.ingest.batch import ACCEPT, batch_id, stage_prepared, work_folder
from include.ingest.ledger import newest_event, write_watermarks
from include.ingest.staged_batch import BatchCounts, StagedBatch
from include.ingest.unlisted import enter_unlisted
from include.lake.catalog import quote
from include.lake.lake import Lake
from include.landing.hashes import hash_file
from include.landing.prepare import OFFSET_DIGITS, PreparedFile

log = logging.getLogger(__name__)
LEDGER_NAME = "quarantine"


def replay_quarantine(
    lake: Lake,
    domain: Domain,
    kind: str,
    *,
    run_id: str,
    ingested_at: datetime,
    reason: str | None = None,
    batches: Sequence[str] = (),
) -> BatchCounts:
    """Judge quarantined rows of a kind by today's domain file; those that pass leave, in one commit.

    reason: only rows whose reason begins with it.  batches: only rows of these batch ids; none: of all.
    Rows that still fail stay as they are. The ledger gets a row that moves the counts: rows_in 0, quarantined
    negative. A second replay finds nothing, so every row counts once. Files that were not read are no rows:
    land them again. Raises ConfigError on an unknown kind, LakeError when the quarantine changed meanwhile.
    """
    if kind not in FIELDS:
        raise ConfigError("kind", kind, "one of " + ", ".join(FIELDS))
    staged = _stage(lake, domain, kind, run_id, ingested_at, reason, batches)
    if staged is None:
        return BatchCounts(kind, 0, 0, 0, 0, 0, 0)

    def work(con: duckdb.DuckDBPyConnection) -> BatchCounts:
        return _commit(con, staged)

    return lake.write(work, run_id=run_id, message=f"replay quarantine of {kind}: batch {staged.batch_id}")


def _stage(
    lake: Lake,
    domain: Domain,
    kind: str,
    run_id: str,
    ingested_at: datetime,
    reason: str | None,
    batches: Sequence[str],
) -> StagedBatch | None:
    """Rows as JSON lines of a file, each under its number in temp table nj_replayed."""
    lake.con.execute(
        "create or replace temp table nj_replayed as"
        " select row_number() over (order by ingested_at, batch_id, source, position) as number,"
        "  batch_id, source, position, raw"
        " from raw.quarantine where raw is not null and starts_with(source, $kind || '/')"
        "  and ($reason is null or starts_with(reason, $reason))"
        "  and (len($batches) = 0 or list_contains($batches, batch_id))",
        {"kind": kind, "reason": reason, "batches": list(batches)},
    )
    rows = lake.value("select count(*) from nj_replayed")
    if not rows:
        return None
    with work_folder(lake.settings.home / "tmp") as folder:
        path = folder / "quarantine.offsets"
        # One line a row; bell is the line reader's delimiter, and in JSON neither can stand as it is.
        line = "replace(replace(raw, chr(10), ' '), chr(7), ' ')"
        lake.con.execute(
            f"copy (select lpad(number::varchar, {OFFSET_DIGITS}, '0') || {line}"
            " from nj_replayed order by number)"
            f" to {quote(str(path))} (format csv, header false, quote '', escape '', delimiter '\x07')"
        )
        file = PreparedFile(
            0, LEDGER_NAME, hash_file(path), path.stat().st_size, "offsets", path, rows=rows, has_marks=True
        )
        staged = stage_prepared(lake, domain, kind, [file], run_id=run_id, ingested_at=ingested_at)
    # The same rows may be replayed again after another change: a batch of its own each time.
    return dataclasses.replace(staged, batch_id=batch_id(kind, [(run_id, file.content_hash)]))


def _commit(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> BatchCounts:
    before = newest_event(con) if staged.kind == "events" else None
    con.execute(
        "create or replace temp table nj_passed as"
        " select batch_id, source, position, count(*) as rows from nj_replayed r"
        f" left join (select seq, reason from {staged.table}) s on s.seq = r.number"
        " group by all having bool_and(s.seq is not null and s.reason is null)"
    )
    con.execute(
        f"delete from {staged.table} where seq not in (select number from nj_replayed semi join nj_passed"
        " using (batch_id, source, position))"
    )
    accepted = ACCEPT[staged.kind](con, staged)
    row = con.execute("select coalesce(sum(rows), 0) from nj_passed").fetchone()
    deleted = con.execute(
        "delete from raw.quarantine where raw is not null and (batch_id, source, position) in"
        " (select (batch_id, source, position) from nj_passed)"
    ).fetchone()
    assert row is not None and deleted is not None
    passed = int(row[0])
    if int(deleted[0]) != passed:
        raise LakeError(
            f"replay of {staged.kind}: {passed} rows were to leave the quarantine, {deleted[0]} are there;"
            " another replay came between and nothing was changed: run it again"
        )
    late = _count_late(con, staged, before)
    file = staged.files[0]
    con.execute(
        "insert into ops.ingests (batch_id, source, file, content_hash, bytes, status, rows_in, accepted,"
        " quarantined, deduplicated, late, first_event_at, last_event_at, ingested_at, run_id)"
        " values (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            staged.batch_id,
            staged.kind,
            LEDGER_NAME,
            file.content_hash,
            file.bytes,
            "ingested",
            accepted,
            -passed,
            passed - accepted,
            late,
            *_span(con, staged),
            staged.ingested_at,
            staged.run_id,
        ],
    )
    write_watermarks(con, staged, before)
    if accepted:
        enter_unlisted(con, staged.kind, staged.batch_id)
    log.info("replay of %s: %d rows left the quarantine, %d accepted", staged.kind, passed, accepted)
    return BatchCounts(staged.kind, 1, 0, accepted, -passed, passed - accepted, late)


def _span(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> tuple[datetime | None, datetime | None]:
    """First and last accepted event."""
    if staged.kind != "events":
        return None, None
    row = con.execute(f"select min(event_at), max(event_at) from {staged.accepted_table}").fetchone()
    assert row is not None
    return row[0], row[1]


def _count_late(con: duckdb.DuckDBPyConnection, staged: StagedBatch, before: datetime | None) -> int:
    if before is None:
        return 0
    horizon = before - timedelta(days=staged.late_after_days)
    row = con.execute(
        f"select count(*) from {staged.accepted_table} where event_at < ?", [horizon]
    ).fetchone()
    return int(row[0]) if row else 0
