"""The output gate on what a refresh, or a publish that catches up, has just written again."""

from __future__ import annotations

from datetime import datetime

from include.config.domain import Domain
from include.lake.lake import Lake
from include.publish.consumed import consumed_relation
from include.publish.publish import Publication
from include.quality.gates import run_touched_output_gate
from include.refresh.pairs import PAIRS
from include.refresh.relist import CANDIDATES, LISTS, USERS

# Temporary table: several checks read it, and each would search the lake anew.
ITEMS = "audited_items"


def check_touched(lake: Lake, domain: Domain, publication: Publication, as_of: datetime) -> None:
    """Audit the lists of ``USERS``, inside the transaction.  Raises GateError, which rolls it back.

    Nobody there, nothing to audit: a new item that no list holds yet.
    """
    if not lake.value(f"select count(*) from {USERS}"):
        return
    # An item that has events and no row of its own is recommended under its id, always available.
    lake.con.execute(
        f"create or replace temp table {ITEMS} as"
        " select item_id, available_from, available_to from raw.items union all by name"
        " select item_id from features.item_stats anti join raw.items using (item_id)"
    )
    published = f"'{publication.publication_id}' as publication_id"
    added = (
        f"{published}, '{publication.model_version}' as model_version,"
        f" timestamp '{publication.as_of}' as generated_at"
    )
    run_touched_output_gate(
        lake,
        domain,
        {
            "recommendations": f"(select *, {added} from {LISTS})",
            "candidate_lists": f"(select *, {published} from {CANDIDATES})",
            "items": ITEMS,
            "consumed": consumed_relation(domain, PAIRS, as_of),
            "users": USERS,
        },
        run_id=publication.run_id,
        as_of=as_of,
        checked_at=publication.published_at,
    ).raise_for_failures()
