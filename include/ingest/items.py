"""Which staged item versions are newer than what the lake holds, and writing them."""

from __future__ import annotations

import duckdb

from include.contracts import ITEM_FIELDS
from include.ingest.staged_batch import StagedBatch

_NAMES = tuple(name for name, _, _ in ITEM_FIELDS)
_FIELDS = ", ".join(_NAMES)
_CONTENT = tuple(name for name in _NAMES if name not in ("item_id", "updated_at"))


def accept_items(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> int:
    """Replace items by newer versions; returns how many rows were accepted.

    The newest updated_at wins, in the batch the last row among equals, so the outcome does not depend on the
    order of files. A row without updated_at counts as of its ingestion. A row that gives a later updated_at
    with nothing else new is accepted, or an older version that arrives afterwards would win; the temp
    table tells it by is_changed.
    """
    same = " and ".join(f"n.{name} is not distinct from o.{name}" for name in _CONTENT)
    con.execute(
        f"create or replace temp table {staged.accepted_table} as"
        " with newest as ("
        "   select * exclude (updated_at, reason, raw, position), updated_at is not null as has_time,"
        f"    coalesce(updated_at, ?) as updated_at from {staged.table} where reason is null"
        "   qualify row_number() over"
        "    (partition by item_id order by coalesce(updated_at, ?) desc, seq desc) = 1),"
        f" old as (select {_FIELDS} from raw.items where item_id in (select item_id from newest))"
        f" select n.nj_file, {', '.join(f'n.{name}' for name in _NAMES)},"
        f"   o.item_id is null as is_new, o.item_id is null or not ({same}) as is_changed"
        " from newest n left join old o on o.item_id = n.item_id"
        " where o.item_id is null"
        f"   or (n.updated_at >= o.updated_at and not ({same}))"
        "   or (n.updated_at > o.updated_at and n.has_time)"
        " order by n.seq",
        [staged.ingested_at, staged.ingested_at],
    )
    con.execute(
        "delete from raw.items where item_id in"
        f" (select item_id from {staged.accepted_table} where not is_new)"
    )
    row = con.execute(
        f"insert into raw.items ({_FIELDS}, batch_id, ingested_at)"
        f" select {_FIELDS}, ?, ? from {staged.accepted_table}",
        [staged.batch_id, staged.ingested_at],
    ).fetchone()
    return int(row[0]) if row else 0
