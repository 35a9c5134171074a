"""The gates: rows are checked before they are trained on, lists before they are read.

Each sees what the connection that it is given sees, a transaction's uncommitted rows included. None
writes to the lake: ``save_results`` does, inside the caller's ``Lake.write``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb

from include.features.item_availability import every_item_sql
from include.lake.catalog import quote
from include.lake.lake import Lake
from include.quality.check_kinds import Check
from include.quality.feature_checks import FEATURE_RELATIONS, feature_checks
from include.quality.gate_report import GateContext, GateReport
from include.quality.input_checks import INPUT_RELATIONS, input_checks, instant
from include.quality.output_checks import OUTPUT_RELATIONS, TOUCHED_RELATIONS, output_checks
from include.quality.relations import gate_views
from include.quality.sql_checks import evaluate_checks


def run_input_gate(lake: Lake, context: GateContext, *, docs: Path | None = None) -> GateReport:
    """Check all of raw.* and the run's ledger through Great Expectations.

    Only events until as_of count.  docs: folder for Data Docs (adds about a second), or None.
    """
    relations = {
        # A missing event_at must be seen too.
        "events": f"raw.events where (event_at <= {instant(context.as_of)}) is not false",
        "items": "raw.items",
        "users": "raw.users",
        "relations": "raw.relations",
        "ingests": f"ops.ingests where run_id = {quote(context.run_id)}",
    }
    return _run_suite(lake, context, "input", input_checks(context), relations, INPUT_RELATIONS, docs)


def run_feature_gate(lake: Lake, context: GateContext, views: Mapping[str, str]) -> GateReport:
    """Check what is about to be trained on, in plain SQL: cheap enough to stand before every training.

    views: user_items with the contract's columns; see ``run_output_gate``.
    """
    checks = feature_checks(as_of=context.as_of)
    with gate_views(lake.con, views, FEATURE_RELATIONS, checks):
        return GateReport("features", context, evaluate_checks(lake.con, checks))


def run_output_gate(
    lake: Lake, context: GateContext, views: Mapping[str, str], *, docs: Path | None = None
) -> GateReport:
    """Audit a whole serving set through Great Expectations before it is published.

    views: relation -> what may follow FROM (a table, ``read_parquet('…')``, a query in brackets), for
    recommendations, candidate_lists, similar_items, popular_items, each with the contract's columns, and
    consumed (user_id, item_id that must not be listed). Where not given: items (item_id, available_from,
    available_to) is every item of raw.items and raw.events; users is everyone with an event until as_of;
    live_users is everyone with a list now.
    """
    relations = {**_lake_relations(context.as_of), **views}
    checks = output_checks(context.domain, as_of=context.as_of)
    return _run_suite(lake, context, "output", checks, relations, OUTPUT_RELATIONS, docs)


def run_batch_input_gate(lake: Lake, context: GateContext, views: Mapping[str, str]) -> GateReport:
    """Check one batch in plain SQL, by the same rules but the lake's least sizes.

    views: events, items, users and ingests, each with the contract's columns; see ``run_output_gate``.
    None may read the lake: what a query needs of it is not looked for.
    """
    checks = input_checks(context, whole=False)
    with gate_views(lake.con, views, INPUT_RELATIONS, checks):
        findings = evaluate_checks(lake.con, checks)
        return GateReport("input", context, findings)


def run_touched_output_gate(
    con: duckdb.DuckDBPyConnection, context: GateContext, views: Mapping[str, str]
) -> GateReport:
    """Audit the lists of touched users in plain SQL, by the rules of the whole set.

    views: recommendations, candidate_lists, items, consumed and users (user_id of the touched users). All of
    them come from the caller: to look for them in the lake would cost what the lake holds, not what has
    changed.
    """
    checks = output_checks(context.domain, as_of=context.as_of, whole=False)
    with gate_views(con, views, TOUCHED_RELATIONS, checks):
        findings = evaluate_checks(con, checks)
        return GateReport("output", context, findings)


def _lake_relations(as_of: datetime) -> dict[str, str]:
    until = f"where event_at <= {instant(as_of)}"
    return {
        "items": f"({every_item_sql(f'(select item_id from raw.events {until})')})",
        "users": f"(select distinct user_id from raw.events {until})",
        "live_users": "(select distinct user_id from serving.recommendations)",
    }


def _run_suite(
    lake: Lake,
    context: GateContext,
    suite: str,
    checks: tuple[Check, ...],
    relations: Mapping[str, str],
    expected: tuple[str, ...],
    docs: Path | None,
) -> GateReport:
    from include.quality.expectations import validate_checks

    with gate_views(lake.con, relations, expected, checks):
        findings = validate_checks(lake.con, checks, suite=suite, docs=docs)
    return GateReport(suite, context, findings)
