"""Looked up again inside the transaction: whether what a batch was staged from still waits."""

from __future__ import annotations

import duckdb

from include.errors import OvertakenError
from include.ingest.erased_people import count_erasures
from include.ingest.staged_batch import StagedBatch
from include.lake.user_search import row_by_row


def raise_if_overtaken(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> None:
    """Files are looked up and read outside the transaction: two writers can meet the same ones.

    The ledger would count them twice, quarantine hold their rows twice, and a topic's position fall back.
    Raises OvertakenError naming what came first; also where somebody was erased since: the rows were judged
    without knowing it.
    """
    if count_erasures(con) != staged.erasures:
        raise OvertakenError(
            f"batch {staged.batch_id} of {staged.kind}: somebody was erased since it was read; nothing was"
            " committed"
        )
    found = _moved_positions(con, staged) if staged.offsets else _known_files(con, staged)
    if found:
        raise OvertakenError(
            f"batch {staged.batch_id} of {staged.kind}: another writer has taken in {', '.join(found[:5])}"
            " since it was read; nothing was committed"
        )


def _known_files(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> list[str]:
    rows = con.execute(
        "select distinct file from ops.ingests"
        f" where {row_by_row('source')} = ? and (file, content_hash) in"
        "  (select (unnest(?::varchar[]), unnest(?::varchar[])))",
        [staged.kind, [file.name for file in staged.files], [file.content_hash for file in staged.files]],
    ).fetchall()
    return [name for (name,) in rows]


def _moved_positions(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> list[str]:
    held = dict(
        con.execute(
            f"select source, position from ops.watermarks where {row_by_row('source')} in (select unnest(?))",
            [[position.source for position in staged.offsets]],
        ).fetchall()
    )
    return [
        f"{position.source} from {position.start or 'its start'} to {held.get(position.source)}"
        for position in staged.offsets
        if held.get(position.source) != position.start
    ]
