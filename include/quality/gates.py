"""The gates: rows are checked before they are trained on, lists before they are read.

Each sees what the connection that it is given sees, a transaction's uncommitted rows included. None
writes to the lake: ``save_results`` does, inside the caller's ``Lake.write``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb

from include.config.domain import Domain
from include.features.item_availability import every_item_sql
from include.lake.catalog import quote
from include.lake.lake import Lake
from include.quality.check_kinds import Check
from include.quality.feature_checks import FEATURE_RELATIONS, feature_checks
from include.quality.gate_report import GateReport
from include.quality.input_checks import INPUT_RELATIONS, input_checks, instant
from include.quality.output_checks import OUTPUT_RELATIONS, TOUCHED_RELATIONS, output_checks
from include.quality.relations import gate_views
from include.quality.sql_checks import evaluate_checks


def run_input_gate(
    lake: Lake,
    domain: Domain,
    *,
    run_id: str,
    as_of: datetime,
    checked_at: datetime,
    docs: Path | None = None,
) -> GateReport:
    """Check all of raw.* and the run's ledger through Great Expectations.

    as_of: only events until then count.  docs: folder for Data Docs (adds about a second), or None.
    """
    relations = {
        # A missing event_at must be seen too.
        "events": f"raw.events where (event_at <= {instant(as_of)}) is not false",
        "items": "raw.items",
        "users": "raw.users",
        "ingests": f"ops.ingests where run_id = {quote(run_id)}",
    }
    return _run_suite(
        lake, "input", input_checks(domain), relations, INPUT_RELATIONS, run_id, checked_at, docs
    )


def run_feature_gate(
    lake: Lake, views: Mapping[str, str], *, run_id: str, as_of: datetime, checked_at: datetime
) -> GateReport:
    """Check what is about to be trained on, in plain SQL: cheap enough to stand before every training.

    views: user_items with the contract's columns; see ``run_output_gate``.
    """
    checks = feature_checks(as_of=as_of)
    with gate_views(lake.con, views, FEATURE_RELATIONS, checks):
        return GateReport("features", run_id, checked_at, evaluate_checks(lake.con, checks))


def run_output_gate(
    lake: Lake,
    domain: Domain,
    views: Mapping[str, str],
    *,
    run_id: str,
    as_of: datetime,
    checked_at: datetime,
    docs: Path | None = None,
) -> GateReport:
    """Audit a whole serving set through Great Expectations before it is published.

    views: relation -> what may follow FROM (a table, ``read_parquet('…')``, a query in brackets), for
    recommendations, candidate_lists, similar_items, popular_items, each with the contract's columns, and
    consumed (user_id, item_id that must not be listed). Where not given: items (item_id, available_from,
    available_to) is every item of raw.items and raw.events; users is everyone with an event until as_of;
    live_users is everyone with a list now.
    """
    relations = {**_lake_relations(as_of), **views}
    checks = output_checks(domain, as_of=as_of)
    return _run_suite(lake, "output", checks, relations, OUTPUT_RELATIONS, run_id, checked_at, docs)


def run_batch_input_gate(
    lake: Lake, domain: Domain, views: Mapping[str, str], *, run_id: str, checked_at: datetime
) -> GateReport:
    """Check one batch in plain SQL, by the same rules but the lake's least sizes.

    views: events, items, users and ingests, each with the contract's columns; see ``run_output_gate``.
    None may read the lake: what a query needs of it is not looked for.
    """
    checks = input_checks(domain, whole=False)
    with gate_views(lake.con, views, INPUT_RELATIONS, checks):
        findings = evaluate_checks(lake.con, checks, in_memory=True)
        return GateReport("input", run_id, checked_at, findings)


def run_touched_output_gate(
    con: duckdb.DuckDBPyConnection,
    domain: Domain,
    views: Mapping[str, str],
    *,
    run_id: str,
    as_of: datetime,
    checked_at: datetime,
) -> GateReport:
    """Audit the lists of touched users in plain SQL, by the rules of the whole set.

    views: recommendations, candidate_lists, items, consumed and users (user_id of the touched users). All of
    them come from the caller: to look for them in the lake would cost what the lake holds, not what has
    changed.
    """
    checks = output_checks(domain, as_of=as_of, whole=False)
    with gate_views(con, views, TOUCHED_RELATIONS, checks):
        findings = evaluate_checks(con, checks, in_memory=True)
        return GateReport("output", run_id, checked_at, findings)


def _lake_relations(as_of: datetime) -> dict[str, str]:
    until = f"where event_at <= {instant(as_of)}"
    return {
        "items": f"({every_item_sql(f'(select item_id from raw.events {until})')})",
        "users": f"(select distinct user_id from raw.events {until})",
        "live_users": "(select distinct user_id from serving.recommendations)",
    }


def _run_suite(
    lake: Lake,
    suite: str,
    checks: tuple[Check, ...],
    relations: Mapping[str, str],
    expected: tuple[str, ...],
    run_id: str,
    checked_at: datetime,
    docs: Path | None,
) -> GateReport:
    from include.quality.expectations import validate_checks

    with gate_views(lake.con, relations, expected, checks):
        findings = validate_checks(lake.con, checks, suite=suite, docs=docs)
    return GateReport(suite, run_id, checked_at, findings)
