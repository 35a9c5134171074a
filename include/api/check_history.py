"""Every check over the newest runs, and rows that were refused, for the page on quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from include.api.page_figures import shown
from include.serving.look_ups import LookUps

RUNS = 20
SAID = 100  # characters of what a check found, where it is read aloud
SUITES = ("input", "features", "output", "lists")
_CHECKS = f"""select suite, expectation, severity, run_id, is_success, observed, "limit", checked_at
from ops.quality_results
where run_id in (
    select run_id from ops.quality_results group by run_id order by max(checked_at) desc, run_id limit {RUNS}
)
order by suite, expectation, checked_at"""
# A held row may have 65,536 characters: only those that are shown are read, by the rowid, which grows.
_REFUSED = """with reasons as (
    select regexp_extract(reason, '^[^:]+') as reason, count(*) as rows, max(ingested_at) as newest,
        max(rowid, 3) as row_ids
    from raw.quarantine group by 1
),
samples as (
    select reason, rows, newest, unnest(row_ids) as row_id from reasons
)
select samples.reason, samples.rows, samples.newest, held.reason as detail, held.source, held.position,
    left(held.raw, 300) as raw
from samples inner join raw.quarantine as held on held.rowid = samples.row_id
order by samples.rows desc, samples.reason, samples.row_id desc"""


@dataclass(frozen=True)
class Mark:
    """One run of a check."""

    run_id: str
    at: str
    is_success: bool
    observed: str


@dataclass(frozen=True)
class History:
    """One check.  marks: the oldest first.  observed, limit: of the newest run."""

    suite: str
    expectation: str
    severity: str
    observed: str
    limit: str
    marks: tuple[Mark, ...]

    @property
    def holds(self) -> bool:
        return self.marks[-1].is_success

    @property
    def failures(self) -> int:
        return sum(not mark.is_success for mark in self.marks)

    def describe(self) -> str:
        """The marks in words."""
        runs = f"{len(self.marks)} run{'s' if len(self.marks) > 1 else ''}"
        if not self.failures:
            return f"held in each of {runs}"
        newest = next(mark for mark in reversed(self.marks) if not mark.is_success)
        return f"failed in {self.failures} of {runs}, last on {newest.at}: found {newest.observed[:SAID]}"


@dataclass(frozen=True)
class Refused:
    """Rows of one reason, the most frequent first, and the newest of them: source, position, detail, raw."""

    reason: str
    rows: int
    newest: datetime
    samples: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class CheckHistory:
    """checks: those that do not hold first, then those that failed before."""

    checks: Sequence[History]
    checks_sql: str
    refused: Sequence[Refused]
    refused_sql: str


def check_history(look_ups: LookUps) -> CheckHistory:
    return CheckHistory(_checks(look_ups), _CHECKS, _refused(look_ups), _REFUSED)


def _checks(look_ups: LookUps) -> list[History]:
    _, rows = look_ups.table(_CHECKS)
    found = []
    for (suite, expectation), runs in groupby(rows, key=lambda row: row[:2]):
        told = list(runs)
        marks = tuple(Mark(row[3], shown(row[7]), row[4], row[5]) for row in told)
        newest = told[-1]
        found.append(History(suite, expectation, newest[2], newest[5], newest[6], marks))
    order = {suite: place for place, suite in enumerate(SUITES)}
    return sorted(found, key=lambda check: (check.holds, -check.failures, order.get(check.suite, len(order))))


def _refused(look_ups: LookUps) -> list[Refused]:
    names, rows = look_ups.table(_REFUSED)
    told = [dict(zip(names, row, strict=True)) for row in rows]
    found = []
    for reason, group in groupby(told, key=lambda row: row["reason"]):
        samples = tuple(group)
        found.append(Refused(reason, samples[0]["rows"], samples[0]["newest"], samples))
    return found
