"""Which staged users are new or changed, and writing them."""

from __future__ import annotations

import duckdb

from include.ingest.staged_batch import StagedBatch


def accept_users(con: duckdb.DuckDBPyConnection, staged: StagedBatch) -> int:
    """Replace users by what landed last; returns how many rows were accepted.  Equal rows change nothing."""
    con.execute(
        f"create or replace temp table {staged.accepted_table} as"
        f" with newest as (select nj_file, seq, user_id, attributes from {staged.table} where reason is null"
        "   qualify row_number() over (partition by user_id order by seq desc) = 1),"
        " old as (select user_id, attributes from raw.users where user_id in (select user_id from newest))"
        " select n.nj_file, n.user_id, n.attributes, o.user_id is null as is_new"
        " from newest n left join old o on o.user_id = n.user_id"
        " where o.user_id is null or n.attributes is distinct from o.attributes"
        " order by n.seq"
    )
    con.execute(
        "delete from raw.users where user_id in"
        f" (select user_id from {staged.accepted_table} where not is_new)"
    )
    row = con.execute(
        "insert into raw.users (user_id, attributes, batch_id, ingested_at)"
        f" select user_id, attributes, ?, ? from {staged.accepted_table}",
        [staged.batch_id, staged.ingested_at],
    ).fetchone()
    return int(row[0]) if row else 0
