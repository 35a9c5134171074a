"""Bring lists up to date: those of touched users, and of everyone who was shown an item that changed.

The refresh calls this for the events of its batch, and the nightly's publish for whatever was ingested
since its own cut-off, so that a publish never forgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np

from include.config.domain import Domain
from include.features.histories import load_catalogue, load_histories
from include.publish.listing import list_users
from include.publish.publish import Publication, replace_lists, replace_similar
from include.publish.tables import candidate_rows, recommendation_rows, similar_rows
from include.recommender.lists import concatenate_lists
from include.recommender.model import Recommender
from include.recommender.neighbours import similar_items

# Temporary tables that hold what has to be listed again.
USERS = "relisted_users"
ITEMS = "relisted_items"


@dataclass(frozen=True)
class Relisted:
    users: int
    items: int
    rows: int


def find_relisted(con: duckdb.DuckDBPyConnection, events: str, items: str) -> tuple[int, int]:
    """Fill the temporary tables from new events and from items that are new or changed.

    events: relation with user_id; items: relation with item_id. Returns the numbers of users and items.
    """
    con.execute(f"create or replace temp table {ITEMS} as select distinct item_id from {items}")
    con.execute(
        f"""
        create or replace temp table {USERS} as
        select distinct user_id from {events}
        union
        select distinct user_id from serving.recommendations
        where item_id in (select item_id from {ITEMS})
        """
    )
    users = con.execute(f"select count(*) from {USERS}").fetchone()
    items_found = con.execute(f"select count(*) from {ITEMS}").fetchone()
    assert users is not None and items_found is not None
    return int(users[0]), int(items_found[0])


def relist(
    con: duckdb.DuckDBPyConnection,
    recommender: Recommender,
    domain: Domain,
    publication: Publication,
    as_of: datetime,
) -> Relisted:
    """List again whoever ``find_relisted`` found, from features.user_items, with the catalogue of as_of."""
    current = recommender.with_catalogue(load_catalogue(con, domain, as_of))
    user_ids = np.array(
        [row[0] for row in con.execute(f"select user_id from {USERS} order by user_id").fetchall()], dtype=str
    )
    changed = [row[0] for row in con.execute(f"select item_id from {ITEMS} order by item_id").fetchall()]
    rows = 0
    if len(user_ids):
        histories = load_histories(con, domain, user_ids, current, as_of)
        lists = concatenate_lists(list(list_users(current, domain, histories)))
        recommendations = recommendation_rows(current, user_ids, lists)
        replace_lists(con, recommendations, candidate_rows(current, user_ids, lists), USERS, publication)
        rows = recommendations.num_rows
    if changed:
        positions = current.catalogue.index_of(np.array(changed, dtype=str))
        neighbours = similar_items(current, items=positions[positions >= 0])
        replace_similar(con, similar_rows(current, neighbours), ITEMS, publication)
    return Relisted(len(user_ids), len(changed), rows)
