"""What a refused tick leaves behind: its batch waits on, and who looks at the lake can see that and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import duckdb

from include.errors import GateError
from include.ingest.staged_batch import StagedBatch
from include.lake.insert_rows import insert_rows
from include.lake.lake import Lake
from include.landing.bad_rows import tell_reasons

TOLD_FILES = 5


def keep_refusal(
    lake: Lake, error: GateError, staged: Sequence[StagedBatch], *, run_id: str, now: datetime
) -> GateError:
    """Write the failed checks to ops.quality_results and the rows that wait to ops.watermarks.

    Returns the error that also tells what waits.  A batch that is refused for the same again, minute by
    minute, is written once: until something is taken in.
    """
    failed = [row for row in error.results if not row["is_success"]]
    if not _is_kept(lake, failed):

        def work(con: duckdb.DuckDBPyConnection) -> None:
            insert_rows(con, "ops.quality_results", failed)
            for source, rows in _waiting(con, staged).items():
                con.execute(
                    "update ops.watermarks set lag_rows = ?, updated_at = ? where source = ?",
                    [rows, now, source],
                )

        lake.write(work, run_id=run_id, message="refused batch")
    told = "".join(f"\n  {line}" for batch in staged for line in _tell(lake.con, batch))
    waiting = f"\nThese rows wait, and the next refresh looks at them again:{told}" if told else ""
    return GateError(f"{error}{waiting}", error.results)


def _is_kept(lake: Lake, failed: Sequence[dict[str, object]]) -> bool:
    """Whether the newest kept refusal is this one, and nothing was taken in since."""
    last = lake.rows(
        "select expectation, observed from ops.quality_results where not is_success and checked_at = ("
        " select max(checked_at) from ops.quality_results where checked_at >"
        " (select coalesce(max(ingested_at), '-infinity'::timestamp) from ops.ingests))"
    )
    return bool(failed) and sorted(last) == sorted((row["expectation"], row["observed"]) for row in failed)


def _waiting(con: duckdb.DuckDBPyConnection, staged: Sequence[StagedBatch]) -> dict[str, int]:
    """Rows known to wait, by the watermark's source."""
    waiting = {}
    for batch in staged:
        if batch.kind == "events":
            row = con.execute(f"select count(*) from {batch.table}").fetchone()
            waiting["events"] = int(row[0]) if row else 0
        for one in batch.offsets:
            if one.start is not None and one.start.isdigit() and one.next.isdigit():
                waiting[one.source] = int(one.next) - int(one.start)
    return waiting


def _tell(con: duckdb.DuckDBPyConnection, batch: StagedBatch) -> list[str]:
    """A line a file, the worst first, each followed by what most of its rows are bad for."""
    names = {file.number: file.name for file in batch.files}
    files = con.execute(
        f"select nj_file, count(*), count(reason) from {batch.table} group by nj_file"
        f" order by 3 desc, 1 limit {TOLD_FILES}"
    ).fetchall()
    lines = []
    for number, rows, bad in files:
        lines.append(f"{batch.kind}/{names[number]}: {rows:,} rows, {bad:,} of them bad")
        found = tell_reasons(con, f"(from {batch.table} where nj_file = {number})")
        lines += [f"  {line}" for line in found]
    if len(names) > len(files):
        lines.append(f"{batch.kind}: {len(names) - len(files):,} more files")
    return lines
