"""Bring lists up to date: those of touched users, and of everyone who was shown an item that changed.

The refresh calls this for the events of its batch, and the nightly's publish for whatever was ingested
since its own cutoff, so that a publish never forgets.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np

from include.chat.profiles import told_profiles
from include.config.domain import Domain
from include.features.training_matrices import load_catalogue, load_histories
from include.publish.listing import list_users
from include.publish.portrait_tables import (
    attribute_rows,
    delete_portraits,
    insert_portraits,
    portrait_rows,
    replace_attributes,
)
from include.publish.publish import (
    Publication,
    delete_lists,
    insert_lists,
    replace_popular,
    replace_similar,
)
from include.publish.tables import candidate_rows, popular_rows, recommendation_rows, similar_rows
from include.recommender.lists import concatenate_lists
from include.recommender.model import Recommender
from include.recommender.shared_lists import popular_items, similar_items
from include.refresh.audit import audit_lists, find_audited
from include.refresh.pairs import PAIRS, write_pairs

# Temporary tables that hold what has to be listed again.
USERS = "relisted_users"
ITEMS = "relisted_items"
NEIGHBOURS = "relisted_neighbours"


@dataclass(frozen=True)
class Relisted:
    users: int
    items: int
    rows: int


def find_relisted(
    con: duckdb.DuckDBPyConnection, events: str, items: str, users: str | None = None
) -> tuple[int, int]:
    """Fill the temporary tables from new events, from items that are new or changed, and from new users.

    events, users: relations with user_id; items: relation with item_id. Returns the numbers of users and
    items to list again.
    """
    changed = _count(con, ITEMS, f"select distinct item_id from {items}")
    touched = f"select user_id from {events}"
    if users is not None:
        touched += f" union select user_id from {users}"
    if changed:
        # Without one, all lists of the lake would be read to find nothing.
        shown = f"item_id in (select item_id from {ITEMS})"
        touched += f" union select user_id from serving.recommendations where {shown}"
    return _count(con, USERS, f"select distinct user_id from ({touched})"), changed


def relist(
    con: duckdb.DuckDBPyConnection,
    recommender: Recommender,
    domain: Domain,
    publication: Publication,
    as_of: datetime,
    current: Recommender | None = None,
) -> Relisted:
    """List again whoever ``find_relisted`` found, from PAIRS, with the catalogue of as_of; write those pairs.

    current: the recommender over that catalogue, where the caller has it already. Raises GateError where the
    audit refuses the new lists.
    """
    if current is None:
        current = recommender.with_catalogue(load_catalogue(con, domain, as_of))
    user_ids = _ids(con, f"select user_id from {USERS} order by user_id")
    changed = _ids(con, f"select item_id from {ITEMS} order by item_id")
    rows = 0
    if len(user_ids):
        histories = load_histories(con, domain, user_ids, current, as_of, PAIRS)
        with ThreadPoolExecutor(1) as pool:
            scored = pool.submit(lambda: concatenate_lists([*list_users(current, domain, histories)]))
            write_pairs(con)
            delete_lists(con, USERS)
            delete_portraits(con, USERS)
            portraits = portrait_rows(current, domain.understanding, user_ids, histories)
            portraits = told_profiles(con, domain, portraits)
            judged_by = find_audited(con, domain, as_of, users=USERS, user_items=PAIRS)
            lists = scored.result()
        listed = recommendation_rows(current, user_ids, lists)
        candidates = candidate_rows(current, user_ids, lists)
        rows = int(listed.num_rows)
        tables = {**judged_by, "recommendations": listed, "candidate_lists": candidates}
        audit_lists(con, domain, publication, as_of, tables)
        insert_lists(con, listed, candidates, publication)
        insert_portraits(con, portraits, as_of, publication)
    if len(changed):
        _relist_items(con, current, publication)
    return Relisted(len(user_ids), len(changed), rows)


def _relist_items(con: duckdb.DuckDBPyConnection, current: Recommender, publication: Publication) -> None:
    """Neighbours of the changed items and of those that they are neighbours of; the popular items."""
    _count(
        con,
        NEIGHBOURS,
        f"""
        select item_id from {ITEMS}
        union
        select item_id from serving.similar_items where similar_item_id in (select item_id from {ITEMS})
        """,
    )
    positions = current.catalogue.index_of(_ids(con, f"select item_id from {NEIGHBOURS} order by item_id"))
    neighbours = similar_items(current, items=positions[positions >= 0])
    replace_similar(con, similar_rows(current, neighbours), NEIGHBOURS, publication)
    changed = current.catalogue.index_of(_ids(con, f"select item_id from {ITEMS} order by item_id"))
    replace_attributes(con, attribute_rows(current, changed[changed >= 0]), ITEMS, publication)
    replace_popular(con, popular_rows(current, popular_items(current)), publication)


def _count(con: duckdb.DuckDBPyConnection, table: str, query: str) -> int:
    """Make a temporary table; returns its number of rows."""
    row = con.execute(f"create or replace temp table {table} as {query}").fetchone()
    return int(row[0]) if row else 0


def _ids(con: duckdb.DuckDBPyConnection, query: str) -> np.ndarray:
    return np.array([row[0] for row in con.execute(query).fetchall()], dtype=str)
