"""A publish never forgets: what refreshes wrote since the run's cutoff goes into the new set first."""

from __future__ import annotations

from datetime import datetime

import duckdb

from include.config.domain import Domain
from include.features.item_availability import flipped_sql
from include.lake.lake import Lake
from include.publish.publish import Publication
from include.recommender.model import Recommender
from include.refresh.pairs import add_events, load_pairs
from include.refresh.relist import USERS as RELISTED
from include.refresh.relist import Relisted, find_relisted, relist

EVENTS = "caught_up_events"
CHANGED = "caught_up_items"
USERS = "caught_up_users"


def catch_up(
    lake: Lake, domain: Domain, recommender: Recommender, publication: Publication, published_as_of: datetime
) -> Relisted:
    """Fold in what came after the run's snapshot or cutoff, inside the publishing transaction.

    publication.events_snapshot: the run's snapshot; published_as_of: the run's cutoff. Events after a cutoff
    in the past that no list knew stay out, so that a set is that of its own day: the next tick folds them in.
    """
    con = lake.con
    _find_events(con, publication.events_snapshot, published_as_of)
    newest = con.execute(f"select max(event_at) from {EVENTS}").fetchone()
    as_of = max(published_as_of, newest[0]) if newest and newest[0] else published_as_of
    _find_items(con, publication.events_snapshot, published_as_of, as_of)
    _find_users(con, publication.events_snapshot)
    users, items = find_relisted(con, EVENTS, CHANGED, USERS)
    if not users and not items:
        return Relisted(0, 0, 0)
    load_pairs(con, RELISTED)
    if newest and newest[0]:
        add_events(con, EVENTS, domain.events, as_of)
    return relist(con, recommender, domain, publication, as_of)


def _find_events(con: duckdb.DuckDBPyConnection, snapshot: int, as_of: datetime) -> None:
    """Events of batches that came after the snapshot, and those after the cutoff that lists knew already."""
    con.execute(
        f"""
        create or replace temp table caught_up_batches as
        with since_snapshot as (
            select batch_id from ops.ingests where source = 'events'
            except
            select batch_id from ops.ingests at (version => {int(snapshot)})
        ),
        listed as (
            select batch_id from ops.ingests
            where source = 'events' and last_event_at > $as_of::timestamp
            except
            select batch_id from ops.unlisted_batches
        )
        select
            ingests.batch_id,
            ingests.batch_id in (select batch_id from since_snapshot) as is_since_snapshot,
            min(ingests.first_event_at) as first_event_at
        from ops.ingests as ingests
        where ingests.batch_id in (select batch_id from since_snapshot union select batch_id from listed)
        group by ingests.batch_id
        """,
        {"as_of": as_of},
    )
    row = con.execute("select min(first_event_at) from caught_up_batches").fetchone()
    oldest = row[0] if row else None
    con.execute(f"create or replace temp table {EVENTS} as select * from raw.events limit 0")
    if oldest is not None:
        # The literal bound lets the lake skip all days before it.
        con.execute(
            f"""
            insert into {EVENTS}
            select events.*
            from raw.events as events
            inner join caught_up_batches as batches using (batch_id)
            where
                events.event_at >= timestamp '{oldest}'
                and (batches.is_since_snapshot or events.event_at > $as_of::timestamp)
            """,
            {"as_of": as_of},
        )


def _find_items(con: duckdb.DuckDBPyConnection, snapshot: int, before: datetime, as_of: datetime) -> None:
    """Items that came or changed since the snapshot, and those whose availability changed in between."""
    con.execute(
        f"""
        create or replace temp table {CHANGED} as
        select item_id from raw.items
        where batch_id in (
            select batch_id from ops.ingests where source = 'items'
            except
            select batch_id from ops.ingests at (version => {int(snapshot)})
        )
        union
        {flipped_items_sql()}
        """,
        {"before": before, "as_of": as_of},
    )


def _find_users(con: duckdb.DuckDBPyConnection, snapshot: int) -> None:
    """Users whose rows came or changed since the snapshot: they have a list, or another segment."""
    con.execute(
        f"""
        create or replace temp table {USERS} as
        select user_id from raw.users
        where batch_id in (
            select batch_id from ops.ingests where source = 'users'
            except
            select batch_id from ops.ingests at (version => {int(snapshot)})
        )
        """
    )


def flipped_items_sql() -> str:
    """Items whose availability changed after $before and up to $as_of."""
    return f"select item_id from raw.items where {flipped_sql('$before::timestamp', '$as_of::timestamp')}"
