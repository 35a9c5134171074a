"""The output gate on what a refresh, or a publish that catches up, has just written again."""

from __future__ import annotations

from datetime import datetime

from include.config.domain import Domain
from include.errors import LakeError
from include.lake.lake import Lake
from include.publish.consumed import consumed_relation
from include.publish.publish import Publication
from include.quality.gates import run_touched_output_gate
from include.refresh.relist import CANDIDATES, LISTS, USERS

# Temporary tables: some thirty checks read them, and each would search the lake anew.
ITEMS = "audited_items"
CONSUMED = "audited_consumed"


def check_touched(lake: Lake, domain: Domain, publication: Publication, as_of: datetime) -> None:
    """Audit the lists of ``USERS``, inside the transaction.  Raises GateError, which rolls it back.

    Nobody there, nothing to audit: a new item that no list holds yet.
    """
    if not lake.value(f"select count(*) from {USERS}"):
        return
    of_touched = f"where user_id in (select user_id from {USERS})"
    consumed = consumed_relation(domain, f"(select * from features.user_items {of_touched})", as_of)
    relations = {
        # An item that has events and no row of its own is recommended under its id, always available.
        ITEMS: "select item_id, available_from, available_to from raw.items union all by name"
        " select item_id from features.item_stats anti join raw.items using (item_id)",
        CONSUMED: f"select user_id, item_id from {consumed}",
    }
    for table, query in relations.items():
        lake.con.execute(f"create or replace temp table {table} as {query}")
    for table, rows in (("recommendations", LISTS), ("candidate_lists", CANDIDATES)):
        # The rows are checked as they were made: that they are all that stands there is checked here.
        written = lake.value(f"select count(*) from {rows}")
        found = lake.value(f"select count(*) from serving.{table} {of_touched}")
        if found != written:
            raise LakeError(
                f"serving.{table} holds {found} rows of the users just listed, {written} were written;"
                " nothing was committed; this is a bug: keep the batch and report it"
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
            "consumed": CONSUMED,
            "users": USERS,
        },
        run_id=publication.run_id,
        as_of=as_of,
        checked_at=publication.published_at,
    ).raise_for_failures()
