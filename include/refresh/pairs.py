"""Keep features.user_items current: the pairs of new events, at the cost of their users' histories."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from include.config.domain_file import EventsConfig
from include.contracts import TABLES
from include.features.confidence import confidence_of, decay_sql, user_items_sql
from include.lake.catalog import ALIAS
from include.lake.user_search import is_among, searching

# Temporary table: all pairs of the users at hand, read from the lake once.
PAIRS = "relisted_pairs"
_CHANGED = "changed_pairs"
_COLUMNS = ", ".join(TABLES["features.user_items"].column_names)


@dataclass(frozen=True)
class EarlyPairs:
    """Rows of features.user_items that are being read.  users: user_id of those whose rows they are."""

    users: pa.Table
    rows: Future[pa.Table]


@contextmanager
def reading_pairs(con: duckdb.DuckDBPyConnection, users: str) -> Iterator[EarlyPairs]:
    """Read the pairs of some users on a connection of its own, while the block does something else.

    users: relation with user_id. For use inside ``Lake.write``, before it has changed features.user_items:
    nobody else writes meanwhile, so what is committed is what the transaction sees.
    """
    wanted = con.execute(f"select distinct user_id from {users}").to_arrow_table()

    def read() -> pa.Table:
        with con.cursor() as own:
            own.register("wanted_users", wanted)
            is_theirs = is_among(own, "wanted_users")
            pairs = f"select {_COLUMNS} from {ALIAS}.features.user_items where {is_theirs}"
            return own.execute(pairs).to_arrow_table()

    with ThreadPoolExecutor(1) as pool:
        yield EarlyPairs(wanted, pool.submit(read))


def load_pairs(con: duckdb.DuckDBPyConnection, users: str, early: EarlyPairs | None = None) -> None:
    """Fill PAIRS with the rows of features.user_items of some users, none of them changed yet.

    users: relation with user_id. early: rows that need not be read again.
    """
    if early is not None:
        con.register("early_users", early.users)
        con.register("early_pairs", early.rows.result())
        has_others, has_late = con.execute(
            "select count(wanted.user_id) < count(*), count(early.user_id) < count(*)"
            f" from {users} as wanted full join early_users as early using (user_id)"
        ).fetchall()[0]
        # In most batches the users are the same: then no row need be looked at.
        theirs = f"where user_id in (select user_id from {users})" if has_others else ""
        con.execute(f"create or replace temp table {PAIRS} as select {_COLUMNS} from early_pairs {theirs}")
        if has_late:
            late = f"(select user_id from {users} anti join early_users using (user_id))"
            with searching(con):
                con.execute(f"insert into {PAIRS} {_stored(con, late)}")
        con.unregister("early_pairs")
        con.unregister("early_users")
    else:
        with searching(con):
            con.execute(f"create or replace temp table {PAIRS} as {_stored(con, users)}")
    con.execute(
        f"create or replace temp table {_CHANGED} as select *, true as is_stored from {PAIRS} limit 0"
    )


def _stored(con: duckdb.DuckDBPyConnection, users: str) -> str:
    return f"select {_COLUMNS} from features.user_items where {is_among(con, users)}"


def add_events(con: duckdb.DuckDBPyConnection, events: str, config: EventsConfig, as_of: datetime) -> None:
    """Add new events to PAIRS; ``write_pairs`` brings what that changed into the lake.

    events: relation of raw.events rows that features.user_items does not contain yet; none after as_of, and
    all of users whom ``load_pairs`` was asked for. Only the pairs of these events are written. A row's weight
    is decayed to its own as_of; one factor brings it to the new one, equal to a sum over all events.
    """
    fresh = user_items_sql(events, confidence_of(config), as_of)
    decay = decay_sql("as_of", "$as_of::timestamp", config.half_life_days)
    con.execute(
        f"""
        create or replace temp table {_CHANGED} as
        with fresh as ({fresh}),
        stored as (
            select
                user_id, item_id, weight * {decay} as weight,
                events, first_event_at, last_event_at, true as is_stored
            from {PAIRS}
            semi join fresh using (user_id, item_id)
        ),
        both_parts as (
            select * from stored
            union all by name
            select *, false as is_stored from fresh
        )
        select
            user_id, item_id, sum(weight) as weight, sum(events)::bigint as events,
            min(first_event_at) as first_event_at, max(last_event_at) as last_event_at,
            $as_of::timestamp as as_of, bool_or(is_stored) as is_stored
        from both_parts
        group by user_id, item_id
        order by user_id, item_id
        """,
        {"as_of": as_of},
    )
    con.execute(f"delete from {PAIRS} where (user_id, item_id) in (select user_id, item_id from {_CHANGED})")
    con.execute(f"insert into {PAIRS} select {_COLUMNS} from {_CHANGED}")


def write_pairs(con: duckdb.DuckDBPyConnection) -> None:
    """Write what ``add_events`` changed into features.user_items, inside the caller's transaction."""
    replaced = f"(select user_id, item_id from {_CHANGED} where is_stored)"
    if con.execute(f"select 1 from {replaced} limit 1").fetchone():
        is_theirs = is_among(con, replaced)
        with searching(con):
            con.execute(
                "delete from features.user_items"
                f" where {is_theirs} and (user_id || '', item_id || '') in {replaced}"
            )
    if con.execute(f"select 1 from {_CHANGED} limit 1").fetchone():
        con.execute(f"insert into features.user_items select {_COLUMNS} from {_CHANGED}")
