"""The output gate on what a refresh, or a publish that catches up, has just written again."""

from __future__ import annotations

from datetime import datetime

from include.config.domain import Domain
from include.lake.lake import Lake
from include.publish.consumed import consumed_relation
from include.publish.publish import Publication
from include.quality.gates import run_touched_output_gate
from include.refresh.relist import USERS

# Temporary tables: some thirty checks read them, and each would search the lake anew.
ITEMS = "audited_items"
CONSUMED = "audited_consumed"
LISTS = "audited_recommendations"
CANDIDATES = "audited_candidates"


def check_touched(lake: Lake, domain: Domain, publication: Publication, as_of: datetime) -> None:
    """Audit the lists of ``USERS``, inside the transaction.  Raises GateError, which rolls it back."""
    of_touched = f"where user_id in (select user_id from {USERS})"
    consumed = consumed_relation(domain, f"(select * from features.user_items {of_touched})", as_of)
    relations = {
        # An item that has events and no row of its own is recommended under its id, always available.
        ITEMS: "select item_id, available_from, available_to from raw.items union all by name"
        " select item_id from features.item_stats anti join raw.items using (item_id)",
        CONSUMED: f"select user_id, item_id from {consumed}",
        # Whatever stands there for these users, not just what was written: a list left over is found too.
        LISTS: f"select * from serving.recommendations {of_touched}",
        CANDIDATES: f"select * from serving.candidates {of_touched}",
    }
    for table, query in relations.items():
        lake.con.execute(f"create or replace temp table {table} as {query}")
    run_touched_output_gate(
        lake,
        domain,
        {
            "recommendations": LISTS,
            "candidates": CANDIDATES,
            "items": ITEMS,
            "consumed": CONSUMED,
            "users": USERS,
        },
        run_id=publication.run_id,
        as_of=as_of,
        checked_at=publication.published_at,
    ).raise_for_failures()
