"""The rules measured in plain SQL: a refresh cannot wait for the import of Great Expectations."""

from __future__ import annotations

import duckdb

from include.quality.relations import PREFIX
from include.quality.report import Finding, show
from include.quality.rules import Check


def evaluate_checks(con: duckdb.DuckDBPyConnection, checks: tuple[Check, ...]) -> tuple[Finding, ...]:
    """Measure each check over the views that ``gate_views`` made.

    A query that fails is a check that fails.
    """
    return tuple(_evaluate(con, check) for check in checks)


def _evaluate(con: duckdb.DuckDBPyConnection, check: Check) -> Finding:
    try:
        row = con.execute(check.rule.figure_sql(f"{PREFIX}{check.relation}")).fetchone()
    except duckdb.Error as error:
        return Finding(check, False, f"not measured: {error}")
    figure = row[0] if row else None
    if figure is None:
        return Finding(check, False, "not measured: no figure")
    return Finding(check, check.rule.holds(figure), show(figure))
