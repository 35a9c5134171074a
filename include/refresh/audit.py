"""The output gate on what a refresh, or a publish that catches up, writes again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb
import pyarrow as pa

from include.config.domain import Domain
from include.features.item_availability import every_item_sql
from include.publish.consumed_pairs import consumed_relation
from include.publish.publish import Publication
from include.quality.gate_report import GateContext
from include.quality.gates import run_touched_output_gate


def find_audited(
    con: duckdb.DuckDBPyConnection, domain: Domain, as_of: datetime, *, users: str, user_items: str
) -> dict[str, pa.Table]:
    """What new lists are judged by, which is known before they are.

    users: relation with the user_id of everyone listed; user_items: their rows of features.user_items.
    """
    consumed = f"select user_id, item_id from {consumed_relation(domain, user_items, as_of)}"
    items = f"select item_id, available_from, available_to from ({every_item_sql('features.item_stats')})"
    queries = {"items": items, "consumed": consumed, "users": f"select user_id from {users}"}
    return {name: con.execute(query).to_arrow_table() for name, query in queries.items()}


def audit_lists(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    publication: Publication,
    as_of: datetime,
    tables: Mapping[str, pa.Table],
) -> None:
    """Audit new lists inside the transaction that writes them.

    tables: those of ``find_audited``, and the new rows of recommendations and candidate_lists. Raises
    GateError, which rolls the transaction back.
    """
    context = GateContext(domain, publication.run_id, as_of=as_of, checked_at=publication.published_at)
    # A connection of its own, for its names: it needs nothing of the lake.
    with con.cursor() as own:
        for name, table in tables.items():
            own.register(f"audited_{name}", table)
        run_touched_output_gate(own, context, _views(publication)).raise_for_failures()


def _views(publication: Publication) -> dict[str, str]:
    """The gate's relations: with the columns that the publish adds."""
    published = f"'{publication.publication_id}' as publication_id"
    added = (
        f"{published}, '{publication.model_version}' as model_version,"
        f" timestamp '{publication.as_of}' as generated_at"
    )
    return {
        "recommendations": f"(select *, {added} from audited_recommendations)",
        "candidate_lists": f"(select *, {published} from audited_candidate_lists)",
        "items": "audited_items",
        "consumed": "audited_consumed",
        "users": "audited_users",
    }
