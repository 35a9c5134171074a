"""The report of a run as one page: what went in, what came out, how good it is and what it cost.

One self-contained HTML file: no script, nothing fetched, so that it reads the same offline and years later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from include.lake.lake import Lake
from include.reporting.health_tables import costs_table, figures_table, segments_table
from include.reporting.list_health import SEGMENT, WITHOUT

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
body { color: #1d2733 }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #dde3ea; vertical-align: top }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
svg text { font: 12px system-ui, sans-serif; fill: #1d2733 }
.bad { color: #b3261e; font-weight: 600 } .good { color: #1b6e3c }
@media (prefers-color-scheme: dark) {
  body { background: #14191f; color: #dfe6ee } svg text { fill: #dfe6ee } th, td { border-color: #2c3742 }
  .bad { color: #ff8a80 } .good { color: #7ddba3 }
}
"""
BAR_WIDTH = 420
SHOWN_USERS = 2


def render_page(lake: Lake, run_id: str, publication_id: str) -> str:
    """HTML of the run's report; everything on it is read from the lake."""
    run = lake.rows(
        "select kind, as_of, published_at, model_version, users, rows from serving.publications"
        " where publication_id = ?",
        [publication_id],
    )[0]
    kind, as_of, published_at, model_version, users, rows = run
    parts = [
        f"<h1>{escape(publication_id)}</h1>",
        f"<p>{escape(kind)} of the data up to {as_of}, published {published_at:%Y-%m-%d %H:%M:%S} UTC:"
        f" {rows:,} rows for {users:,} users, model {escape(model_version)}.</p>",
        "<h2>What went in</h2>",
        _ingested(lake, run_id),
        "<h2>Quality: nDCG@10 on the newest events</h2>",
        "<p>Trained before one instant, judged after it. Bars: means over users; lines: 95 % intervals.</p>",
        _bars(
            lake.rows(
                "select subject, value, low, high from ops.evaluations"
                " where run_id = ? and metric = 'ndcg' and k = 10 and not starts_with(subject, ?)"
                " and not starts_with(subject, ?) order by value desc, subject",
                [run_id, SEGMENT, WITHOUT],
            )
        ),
        *_proposals(lake, run_id),
        *_health(lake, run_id),
        "<h2>Which source fills the lists</h2>",
        _bars(
            [
                (*row, None, None)
                for row in lake.rows(
                    "select source, count(*) / sum(count(*)) over () from serving.recommendations"
                    " group by source order by 2 desc"
                )
            ]
        ),
        "<h2>Checks</h2>",
        _checks(lake, run_id),
        "<h2>What each stage cost</h2>",
        _table(
            ("stage", "rows in", "rows out", "seconds", "peak MiB"),
            lake.rows(
                "select stage, rows_in, rows_out, round(seconds, 1), peak_rss_bytes // 1048576"
                " from ops.stages where run_id = ? order by finished_at",
                [run_id],
            ),
        ),
        "<h2>Some lists</h2>",
        *_lists(lake),
    ]
    title = escape(f"Nightjar {publication_id}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _proposals(lake: Lake, run_id: str) -> Iterable[str]:
    """What became of proposals of tune_models in this run; nothing where none waited."""
    decided = lake.rows(
        "select proposal_id, status, note from ops.proposals where decided_by = ? order by made_at desc",
        [run_id],
    )
    for name, status, note in decided:
        tone = ' class="good"' if status == "taken" else ""
        told = escape(f"Proposal {name} was {status}: {note}.", quote=False)
        yield f"<p{tone}>{told}</p>"


def _health(lake: Lake, run_id: str) -> Iterable[str]:
    """How broad and how fair the lists are, and what each rule costs; only what was measured."""
    for title, table in (
        ("How broad the lists are", figures_table(lake, run_id)),
        ("Who is served how well", segments_table(lake, run_id)),
        ("What each rule costs: nDCG@10 without it, less nDCG@10 with it", costs_table(lake, run_id)),
    ):
        if table.rows:
            yield f"<h2>{title}</h2>"
            yield _table(table.heads, table.rows)


def _checks(lake: Lake, run_id: str) -> str:
    rows = lake.rows(
        'select suite, is_success, severity, expectation, observed, "limit" from ops.quality_results'
        " where run_id = ? order by is_success, suite, expectation",
        [run_id],
    )
    held = sum(1 for row in rows if row[1])
    failed = [row for row in rows if not row[1]]
    tone = "bad" if any(row[2] == "critical" for row in failed) else "good"
    summary = f'<p class="{tone}">{held} of {len(rows)} checks held.</p>'
    if not failed:
        return summary
    return summary + _table(
        ("suite", "severity", "check", "found", "allowed"),
        [(suite, severity, name, found, limit) for suite, _, severity, name, found, limit in failed],
    )


def _lists(lake: Lake) -> Iterable[str]:
    users = lake.rows(
        "select user_id from features.user_stats order by events desc, user_id limit ?", [SHOWN_USERS]
    )
    for (user_id,) in users:
        yield f"<h3>{escape(user_id)}</h3>"
        yield _table(
            ("rank", "item", "source", "reason"),
            lake.rows(
                "select lists.rank, coalesce(items.title, lists.item_id), lists.source, lists.reason"
                " from serving.recommendations as lists left join raw.items as items using (item_id)"
                " where lists.user_id = ? and lists.rank <= 10 order by lists.rank",
                [user_id],
            ),
        )


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    rows = list(rows)
    body = "".join("<tr>" + "".join(_cell(value) for value in row) + "</tr>" for row in rows)
    numbers = [bool(rows) and _is_number(value) for value in (rows[0] if rows else heads)]
    head = "".join(
        f'<th class="n">{escape(name)}</th>' if is_number else f"<th>{escape(name)}</th>"
        for name, is_number in zip(heads, numbers, strict=True)
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _cell(value: object) -> str:
    if _is_number(value):
        return f'<td class="n">{value:,}</td>'
    return f"<td>{escape('' if value is None else str(value))}</td>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ingested(lake: Lake, run_id: str) -> str:
    rows = lake.rows(
        "select source, count(*), sum(rows_in), sum(accepted), sum(quarantined), sum(deduplicated)"
        " from ops.ingests where run_id = ? group by source order by source",
        [run_id],
    )
    if not rows:
        return "<p>Nothing new had landed.</p>"
    return _table(("source", "files", "rows in", "accepted", "quarantined", "deduplicated"), rows)


def _bars(rows: Sequence[tuple[str, float, float | None, float | None]]) -> str:
    """Horizontal bars, the interval as a line where there is one."""
    if not rows:
        return "<p>Nobody to judge by.</p>"
    most = max(max(value, high or 0) for _, value, _, high in rows) or 1
    lines = []
    for i, (name, value, low, high) in enumerate(rows):
        y = 24 * i
        width = BAR_WIDTH * value / most
        lines.append(
            f'<text x="130" y="{y + 15}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="140" y="{y + 4}" width="{width:.1f}" height="14" fill="#4f83c2"/>'
        )
        end = width
        if low is not None and high is not None:
            start, end = BAR_WIDTH * low / most, BAR_WIDTH * high / most
            lines.append(
                f'<line x1="{140 + start:.1f}" x2="{140 + end:.1f}" y1="{y + 11}" y2="{y + 11}"'
                ' stroke="#16324f" stroke-width="2"/>'
            )
        lines.append(f'<text x="{146 + max(width, end):.1f}" y="{y + 15}">{value:.4f}</text>')
    return f'<svg role="img" width="660" height="{24 * len(rows)}">{"".join(lines)}</svg>'
