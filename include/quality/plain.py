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
    measures = [check.rule.figure_sql(f"{PREFIX}{check.relation}") for check in checks]
    try:
        # As one statement: 36 checks of 100 lists took 0.04 s of processor time, and 0.15 s one by one.
        figures = con.execute("select " + ", ".join(f"({sql})" for sql in measures)).fetchone() or ()
    except duckdb.Error:
        return tuple(_measure(con, check, sql) for check, sql in zip(checks, measures, strict=True))
    return tuple(_finding(check, figure) for check, figure in zip(checks, figures, strict=True))


def _measure(con: duckdb.DuckDBPyConnection, check: Check, sql: str) -> Finding:
    try:
        row = con.execute(sql).fetchone()
    except duckdb.Error as error:
        return Finding(check, False, f"not measured: {error}")
    return _finding(check, row[0] if row else None)


def _finding(check: Check, figure: float | None) -> Finding:
    if figure is None:
        return Finding(check, False, "not measured: no figure")
    return Finding(check, check.rule.holds(figure), show(figure))
