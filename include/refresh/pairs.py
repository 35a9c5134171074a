"""Keep features.user_items current: the rows of touched users, at the cost of their own histories."""

from __future__ import annotations

from datetime import datetime

import duckdb

from include.config.domain import EventsConfig
from include.contracts import TABLES
from include.features.confidence import confidence_of, user_items_sql

_COLUMNS = ", ".join(TABLES["features.user_items"].column_names)


def add_events(con: duckdb.DuckDBPyConnection, events: str, config: EventsConfig, as_of: datetime) -> None:
    """Add new events to features.user_items, inside the caller's transaction.

    events: relation of raw.events rows that features.user_items does not contain yet; none after as_of.
    A row's weight is decayed to its own as_of; the half-life decay of a sum is the sum of the decays, so
    stored sums are brought to the new as_of by one factor and equal those computed from all events.
    """
    fresh = user_items_sql(events, confidence_of(config), as_of)
    half_life = f"cast({config.half_life_days!r} as double)"
    age_days = "(epoch_us($as_of::timestamp) - epoch_us(as_of)) / 86400e6"
    con.execute(
        f"""
        create or replace temp table new_user_items as
        with touched as (
            select distinct user_id from {events}
        ),
        stored as (
            select
                user_id, item_id, weight * power(2.0, -{age_days} / {half_life}) as weight,
                events, first_event_at, last_event_at
            from features.user_items
            where user_id in (select touched.user_id from touched)
        ),
        fresh as ({fresh}),
        both_parts as (
            select * from stored
            union all by name
            select * from fresh
        )
        select
            user_id, item_id, sum(weight) as weight, sum(events)::bigint as events,
            min(first_event_at) as first_event_at, max(last_event_at) as last_event_at,
            $as_of::timestamp as as_of
        from both_parts
        group by user_id, item_id
        order by user_id, item_id
        """,
        {"as_of": as_of},
    )
    con.execute(f"delete from features.user_items where user_id in (select user_id from {events})")
    con.execute(f"insert into features.user_items select {_COLUMNS} from new_user_items")
