"""The report of a run as one page: what went in, what came out, how good it is and what it cost.

One self-contained HTML file: no script, nothing fetched, so that it reads the same offline and years later.
"""

from __future__ import annotations

from markupsafe import Markup

from include.config.domain import Domain
from include.lake.lake import Lake
from include.pages import render
from include.reporting.health_tables import costs_table, figures_table, segments_table
from include.reporting.item_map import draw_map, read_item_map
from include.reporting.list_health import SEGMENT, WITHOUT
from include.reporting.page_parts import (
    TEMPLATES,
    PageTable,
    bars,
    checks_of,
    costs_of_stages,
    ingested_table,
)

SHOWN_USERS, SHOWN_PROFILES = 2, 3


def render_page(lake: Lake, domain: Domain, run_id: str, publication_id: str) -> str:
    """HTML of the run's report; everything on it is read from the lake."""
    return render(
        TEMPLATES / "run.html.j2",
        publication=_publication(lake, publication_id),
        ingested=ingested_table(lake, run_id),
        quality=bars(
            lake.rows(
                "select subject, value, low, high from ops.evaluations"
                " where run_id = ? and metric = 'ndcg' and k = 10 and not starts_with(subject, ?)"
                " and not starts_with(subject, ?) order by value desc, subject",
                [run_id, SEGMENT, WITHOUT],
            )
        ),
        proposals=_proposals(lake, run_id),
        health=[
            ("How broad the lists are", figures_table(lake, run_id)),
            ("Who is served how well", segments_table(lake, run_id)),
            ("What each rule costs: nDCG@10 without it, less nDCG@10 with it", costs_table(lake, run_id)),
        ],
        shares=bars(
            lake.rows(
                "select source, count(*) / sum(count(*)) over (), null, null from serving.recommendations"
                " group by source order by 2 desc"
            )
        ),
        checks=checks_of(lake, run_id),
        costs=costs_of_stages(lake, run_id),
        lists=_lists(lake),
        profiles=_profiles(lake),
        drawn=_map(lake, domain),
    )


def _publication(lake: Lake, publication_id: str) -> dict[str, object]:
    names = ("publication_id", "kind", "as_of", "published_at", "model_version", "users", "rows")
    row = lake.rows(
        f"select {', '.join(names)} from serving.publications where publication_id = ?", [publication_id]
    )[0]
    return dict(zip(names, row, strict=True))


def _proposals(lake: Lake, run_id: str) -> list[dict[str, str]]:
    """What became of proposals of tune_models in this run; nothing where none waited."""
    decided = lake.rows(
        "select proposal_id, status, note from ops.proposals where decided_by = ? order by made_at desc",
        [run_id],
    )
    return [{"name": name, "status": status, "note": note} for name, status, note in decided]


def _lists(lake: Lake) -> list[tuple[str, PageTable]]:
    """Lists of the people with most events."""
    users = lake.rows(
        "select user_id from features.user_stats order by events desc, user_id limit ?", [SHOWN_USERS]
    )
    return [(user_id, _list(lake, user_id)) for (user_id,) in users]


def _profiles(lake: Lake) -> list[tuple[str, str]]:
    """(user, their taste in a sentence) of the people with most events."""
    return lake.rows(
        "select user_id, portraits.profile from features.user_portraits as portraits"
        " inner join features.user_stats as stats using (user_id)"
        " order by stats.events desc, user_id limit ?",
        [SHOWN_PROFILES],
    )


def _map(lake: Lake, domain: Domain) -> Markup | None:
    found = read_item_map(lake.con, domain)
    return draw_map(found) if found else None


def _list(lake: Lake, user_id: str) -> PageTable:
    rows = lake.rows(
        "select lists.rank, coalesce(items.title, lists.item_id), lists.source, lists.reason"
        " from serving.recommendations as lists left join raw.items as items using (item_id)"
        " where lists.user_id = ? and lists.rank <= 10 order by lists.rank",
        [user_id],
    )
    return PageTable(("rank", "item", "source", "reason"), rows)
