"""What a gate found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb

from include.config.domain import Domain
from include.errors import GateError
from include.lake.insert_rows import insert_rows
from include.quality.check_kinds import Check


@dataclass(frozen=True)
class Finding:
    """One check and what it measured.  observed: a figure, or the error that kept it from being measured."""

    check: Check
    is_success: bool
    observed: str

    def describe(self) -> str:
        unit = " rows" if self.check.rule.limit.endswith("rows") and self.observed.isdigit() else ""
        return f"{self.check.name}: found {self.observed}{unit}, allowed: {self.check.rule.limit}"


@dataclass(frozen=True)
class GateContext:
    """Whose rows a gate checks.  as_of: nothing after it may be among them.  Both instants naive UTC."""

    domain: Domain
    run_id: str
    as_of: datetime
    checked_at: datetime


@dataclass(frozen=True)
class GateReport:
    """The findings of one suite."""

    suite: str
    context: GateContext
    findings: tuple[Finding, ...]

    @property
    def failures(self) -> tuple[Finding, ...]:
        """Critical checks that did not hold: they stop the run."""
        return tuple(f for f in self.findings if not f.is_success and f.check.severity == "critical")

    @property
    def rows(self) -> list[dict[str, object]]:
        """Rows of ops.quality_results."""
        return [
            {
                "run_id": self.context.run_id,
                "suite": self.suite,
                "expectation": finding.check.name,
                "is_success": finding.is_success,
                "severity": finding.check.severity,
                "observed": finding.observed,
                "limit": finding.check.rule.limit,
                "checked_at": self.context.checked_at,
            }
            for finding in self.findings
        ]

    def raise_for_failures(self, told: Sequence[str] = ()) -> None:
        """Raise GateError with one line for each critical check that did not hold, then the lines of told."""
        if not self.findings:
            raise GateError(
                f"the {self.suite} gate of run {self.context.run_id} checked nothing; expected a suite"
            )
        if self.failures:
            lines = "\n".join(f"  {finding.describe()}" for finding in self.failures)
            raise GateError(
                f"the {self.suite} gate refused run {self.context.run_id}:"
                f" {len(self.failures)} of {len(self.findings)} checks failed\n{lines}\n"
                "Nothing was published. Put the data right, or the limit under `quality:` in the domain file."
                + "".join(f"\n{line}" for line in told),
                self.rows,
            )


def show(figure: object) -> str:
    """A figure as it is told: a share with six digits, a count in full."""
    return f"{figure:g}" if isinstance(figure, float) else str(figure)


def save_results(con: duckdb.DuckDBPyConnection, reports: Sequence[GateReport]) -> None:
    """Write the findings to ops.quality_results, in place of what the same run and suite wrote before.

    For use inside ``Lake.write``.
    """
    for report in reports:
        con.execute(
            "delete from ops.quality_results where run_id = ? and suite = ?",
            [report.context.run_id, report.suite],
        )
        insert_rows(con, "ops.quality_results", report.rows)
