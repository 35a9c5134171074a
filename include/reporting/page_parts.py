"""What pages of runs are made of, read from the lake: tables, bars, the verdict of the gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from include.lake.lake import Lake

TEMPLATES = Path(__file__).with_name("templates")
BAR_WIDTH = 420


@dataclass(frozen=True)
class PageTable:
    """rows: figures are set to the right; None is an empty cell."""

    heads: tuple[str, ...]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Bar:
    """Widths in pixels of BAR_WIDTH.  whisker: ends of the interval, None where it has none."""

    name: str
    value: float
    width: float
    whisker: tuple[float, float] | None

    @property
    def end(self) -> float:
        return max(self.width, self.whisker[1] if self.whisker else 0)


@dataclass(frozen=True)
class Checks:
    """How many of a run's checks there are, how many held, and those that did not."""

    all: int
    held: int
    is_refused: bool
    failed: PageTable


def bars(rows: Sequence[tuple[str, float, float | None, float | None]]) -> list[Bar]:
    """rows: name, value, and the ends of its interval or None."""
    longest = max((max(value, high or 0) for _, value, _, high in rows), default=0) or 1
    scale = BAR_WIDTH / longest
    return [
        Bar(name, value, value * scale, None if low is None or high is None else (low * scale, high * scale))
        for name, value, low, high in rows
    ]


def ingested_table(lake: Lake, run_id: str) -> PageTable:
    rows = lake.rows(
        "select source, count(*), sum(rows_in), sum(accepted), sum(quarantined), sum(deduplicated)"
        " from ops.ingests where run_id = ? group by source order by source",
        [run_id],
    )
    return PageTable(("source", "files", "rows in", "accepted", "quarantined", "deduplicated"), rows)


def costs_of_stages(lake: Lake, run_id: str) -> PageTable:
    rows = lake.rows(
        "select stage, rows_in, rows_out, round(seconds, 1), peak_rss_bytes // 1048576"
        " from ops.stages where run_id = ? order by finished_at",
        [run_id],
    )
    return PageTable(("stage", "rows in", "rows out", "seconds", "peak MiB"), rows)


def checks_of(lake: Lake, run_id: str) -> Checks:
    rows = lake.rows(
        'select suite, severity, expectation, observed, "limit", is_success from ops.quality_results'
        " where run_id = ? order by is_success, suite, expectation",
        [run_id],
    )
    failed = [row[:5] for row in rows if not row[5]]
    return Checks(
        all=len(rows),
        held=len(rows) - len(failed),
        is_refused=any(severity == "critical" for _, severity, *_ in failed),
        failed=PageTable(("suite", "severity", "check", "found", "allowed"), failed),
    )
