"""Which staged relations between items are new or changed, and writing them."""

from __future__ import annotations

import duckdb

from include.ingest.staged_batch import StagedBatch

_KEY = "item_id, relation, other_item_id"


def accept_relations(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> int:
    """Replace relations by what landed last; returns how many rows were accepted.  Equal rows change nothing.

    A weight of 0 is kept: it says that the two no longer belong together.
    """
    con.execute(
        f"create or replace temp table {staged.accepted_table} as"
        f" with newest as (select nj_file, seq, {_KEY}, weight from {staged.table} where reason is null"
        f"   qualify row_number() over (partition by {_KEY} order by seq desc) = 1),"
        f" old as (select {_KEY}, weight from raw.relations where item_id in (select item_id from newest))"
        " select n.nj_file, n.item_id, n.relation, n.other_item_id, n.weight, o.item_id is null as is_new"
        f" from newest as n left join old as o using ({_KEY})"
        " where o.item_id is null or n.weight is distinct from o.weight"
        " order by n.seq"
    )
    con.execute(
        f"delete from raw.relations where ({_KEY}) in"
        f" (select ({_KEY}) from {staged.accepted_table} where not is_new)"
    )
    row = con.execute(
        f"insert into raw.relations ({_KEY}, weight, batch_id, ingested_at)"
        f" select {_KEY}, weight, ?, ? from {staged.accepted_table}",
        [staged.batch_id, staged.ingested_at],
    ).fetchone()
    return int(row[0]) if row else 0
