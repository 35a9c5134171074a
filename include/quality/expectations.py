"""The rules as Great Expectations suites, pushed down to the connection that holds the data.

Great Expectations takes seconds to import, so it is imported when a gate runs, never before.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import duckdb

from include.quality.check_kinds import Among, Check, Figure, NotNull, RowCount, Unique
from include.quality.gate_report import Finding, show
from include.quality.relations import PREFIX


def validate_checks(
    con: duckdb.DuckDBPyConnection, checks: tuple[Check, ...], *, suite: str, docs: Path | None
) -> tuple[Finding, ...]:
    """Run the checks as one checkpoint, a suite a relation, over the views that ``gate_views`` made.

    docs: folder that gets the Data Docs of this checkpoint, or None.
    """
    # Its INFO is a line an argument an expectation, some of them at import: 200 a gate in the task's log.
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    import great_expectations as gx

    from include.quality.data_docs import add_site, finish_site
    from include.quality.dialect import URL, borrow

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    if docs is not None:
        add_site(context, docs)
    # In a temporary table per relation GX would write to the lake's transaction.
    source = context.data_sources.add_sql(
        "lake", connection_string=URL, kwargs=borrow(con), create_temp_table=False
    )
    definitions = [
        _definition(context, source, suite, relation, [c for c in checks if c.relation == relation])
        for relation in dict.fromkeys(check.relation for check in checks)
    ]
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name=suite, validation_definitions=definitions, actions=[], result_format="SUMMARY")
    )
    outcome = checkpoint.run()
    found: dict[str, Any] = {
        result.expectation_config.meta["check"]: result
        for run in outcome.run_results.values()
        for result in run.results
    }
    findings = tuple(_finding(check, found.get(check.name)) for check in checks)
    if docs is not None:
        finish_site(context, docs, suite, findings)
    return findings


def _definition(context: Any, source: Any, suite: str, relation: str, checks: list[Check]) -> Any:
    import great_expectations as gx

    name = f"{suite}_{relation}"
    asset = source.add_query_asset(relation, f"select * from {PREFIX}{relation}")
    batch = asset.add_batch_definition_whole_table("all rows")
    expectations = [to_expectation(check) for check in checks]
    made = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    return context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=made))


def to_expectation(check: Check) -> Any:
    """The expectation that means what the check's rule means."""
    import great_expectations.expectations as gxe

    rule = check.rule
    told = {
        "meta": {"check": check.name},
        "description": f"{check.name} ({check.severity}; allowed: {rule.limit})",
        "severity": check.severity,
    }
    match rule:
        case RowCount():
            return gxe.ExpectTableRowCountToBeBetween(min_value=rule.at_least, **told)
        case NotNull():
            return gxe.ExpectColumnValuesToNotBeNull(column=rule.column, **told)
        case Unique(columns=(column,)):
            return gxe.ExpectColumnValuesToBeUnique(column=column, **told)
        case Unique():
            return gxe.ExpectCompoundColumnsToBeUnique(
                column_list=list(rule.columns), ignore_row_if="any_value_is_missing", **told
            )
        case Among():
            return gxe.ExpectColumnValuesToBeInSet(column=rule.column, value_set=list(rule.values), **told)
        case Figure():
            # The relation of figures has one row, so that its greatest value is the figure.
            return gxe.ExpectColumnMaxToBeBetween(
                column=rule.column, min_value=rule.at_least, max_value=rule.at_most, **told
            )
    return gxe.UnexpectedRowsExpectation(unexpected_rows_query=rule.sql, **told)


def _finding(check: Check, result: Any) -> Finding:
    if result is None:
        return Finding(check, False, "not measured: Great Expectations gave no result")
    if result.exception_info and _raised(result.exception_info):
        return Finding(check, False, f"not measured: {_raised(result.exception_info)}")
    figure = result.result.get("observed_value", result.result.get("unexpected_count"))
    if figure is None and result.result.get("element_count") == 0:
        figure = 0  # GX counts nothing on an empty relation; that it is empty is another check's business
    if figure is None:
        return Finding(check, False, "not measured: no figure")
    return Finding(check, bool(result.success), show(figure))


def _raised(info: dict[str, Any]) -> str | None:
    """The message in GX's exception info, which is one entry or one a metric."""
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(entry["exception_message"]) for entry in entries if entry["raised_exception"]]
    return "; ".join(messages) or None
