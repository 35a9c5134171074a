"""The figures of the overview, each with the SQL that gives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from include.serving.look_ups import LookUps

WIDTH, HEIGHT = 520, 110
_PUBLICATIONS = """select publication_id, kind, as_of, published_at, users, rows
from serving.publications order by publication_id desc limit 10"""
_QUALITY = """select evaluated_at, value, low, high from ops.evaluations
where subject = 'pipeline' and metric = 'ndcg' and k = 10
order by evaluated_at desc limit 30"""
_FAILED = """select suite, expectation, severity, observed, "limit", checked_at from ops.quality_results
where not is_success order by checked_at desc limit 10"""
_QUARANTINE = """select source, regexp_extract(reason, '^[^:]+') as reason, count(*) as rows,
    max(ingested_at) as newest
from raw.quarantine group by all order by rows desc limit 10"""
_STAGES = """select stage, rows_in, rows_out, round(seconds, 1) as seconds,
    peak_rss_bytes // 1048576 as peak_mib
from ops.stages where run_id = (select max_by(run_id, finished_at) from ops.stages where stage = 'publish')
order by finished_at"""
_SOURCES = """select source, count(*) as places, round(100.0 * count(*) / sum(count(*)) over (), 1) as percent
from serving.recommendations where rank <= 10 group by source order by places desc"""


@dataclass(frozen=True)
class Table:
    """title, the SQL behind it, heads and rows; nothing: what to say where there are none."""

    title: str
    sql: str
    heads: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    nothing: str


@dataclass(frozen=True)
class Line:
    """points: of an SVG polyline, WIDTH x HEIGHT; the oldest first."""

    title: str
    sql: str
    points: str
    newest: str
    first_at: str
    last_at: str


@dataclass(frozen=True)
class Figures:
    tables: tuple[Table, ...] = ()
    quality: Line | None = None


def overview_figures(look_ups: LookUps) -> Figures:
    def table(title: str, sql: str, nothing: str) -> Table:
        heads, rows = look_ups.table(sql)
        return Table(title, sql, heads, [[shown(value) for value in row] for row in rows], nothing)

    return Figures(
        tables=(
            table("Publications", _PUBLICATIONS, "Nothing is published yet."),
            table("Who speaks in the first ten places", _SOURCES, "There are no lists yet."),
            table("Checks that failed", _FAILED, "Every check of every run held."),
            table("Quarantine", _QUARANTINE, "No row was refused."),
            table("What the newest run cost", _STAGES, "No run was recorded."),
        ),
        quality=_line(look_ups),
    )


def _line(look_ups: LookUps) -> Line | None:
    rows = look_ups.table(_QUALITY)[1][::-1]
    if not rows:
        return None
    values = [row[1] for row in rows]
    top = max(values) * 1.15 or 1
    step = WIDTH / max(1, len(values) - 1)
    points = " ".join(
        f"{at * step:.1f},{HEIGHT - 8 - (HEIGHT - 16) * value / top:.1f}" for at, value in enumerate(values)
    )
    last = rows[-1]
    interval = f" ({last[2]:.3f} to {last[3]:.3f})" if last[2] is not None else ""
    return Line(
        "nDCG@10 of the judged pipeline, by night",
        _QUALITY,
        points,
        f"{values[-1]:.3f}{interval}",
        f"{rows[0][0]:%Y-%m-%d}",
        f"{last[0]:%Y-%m-%d}",
    )


def shown(value: Any) -> Any:
    """As a page tells it: nothing for null, instants to the minute, whole numbers with separators."""
    if value is None:
        return ""
    if hasattr(value, "strftime"):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, int):
        return f"{value:,}"
    return value
