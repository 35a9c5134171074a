"""The page of a run that failed: what stopped it, what it took in and refused, what readers get meanwhile."""

from __future__ import annotations

from datetime import datetime

from include.lake.lake import Lake
from include.pages import render
from include.reporting.page_parts import TEMPLATES, PageTable, checks_of, costs_of_stages, ingested_table

SHOWN_CHARACTERS = 300  # of a refused row


def render_failed_page(lake: Lake | None, run_id: str, stage: str, error: str, failed_at: datetime) -> str:
    """HTML.  lake: None where there is none yet.  failed_at: naive UTC."""
    nothing = PageTable((), ())
    return render(
        TEMPLATES / "failed.html.j2",
        run_id=run_id,
        stage=stage,
        error=error,
        failed_at=failed_at,
        made=lake and _made(lake, run_id),
        live=lake and _live(lake, failed_at),
        ingested=ingested_table(lake, run_id) if lake else nothing,
        refused=_refused(lake, run_id) if lake else nothing,
        checks=checks_of(lake, run_id) if lake else {"all": 0},
        costs=costs_of_stages(lake, run_id) if lake else nothing,
    )


def _made(lake: Lake, run_id: str) -> str | None:
    """What the run had published before it failed, as in its marts or its report."""
    rows = lake.rows(
        "select publication_id from serving.publications where run_id = ?"
        " union all select publication_id from archive.publications where run_id = ?",
        [run_id, run_id],
    )
    return str(rows[0][0]) if rows else None


def _live(lake: Lake, now: datetime) -> dict[str, object] | None:
    row = lake.rows(
        "select publication_id, as_of, published_at from serving.publications"
        " order by published_at desc, publication_id desc limit 1"
    )
    if not row:
        return None
    publication_id, as_of, published_at = row[0]
    return {"publication_id": publication_id, "as_of": as_of, "age": _age(now, published_at)}


def _age(now: datetime, then: datetime) -> str:
    hours = max(0.0, (now - then).total_seconds() / 3600)
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.0f} days"


def _refused(lake: Lake, run_id: str) -> PageTable:
    """Reasons with counts, the most frequent first, and a row of each as it came."""
    rows = lake.rows(
        """
        select reason, count(*), min_by(source, position), min(position), left(min_by(raw, position), ?)
        from (
            select regexp_extract(reason, '^[^:]+') as reason, source, position, raw
            from raw.quarantine
            where batch_id in (select batch_id from ops.ingests where run_id = ?)
        )
        group by 1
        order by 2 desc, 1
        """,
        [SHOWN_CHARACTERS, run_id],
    )
    return PageTable(("reason", "rows", "file", "row", "for example"), rows)
