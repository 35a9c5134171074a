"""The tables of a run's page that say how healthy its lists are, read from ops.evaluations."""

from __future__ import annotations

from include.lake.lake import Lake
from include.reporting.list_health import PUBLISHED, SEGMENT, WITHOUT
from include.reporting.page_parts import PageTable

# Metric -> what it says, in the order of the table.
SAYS = {
    "coverage": "share of the catalogue that somebody sees",
    "coverage_vs_popularity": "… as a multiple of what popularity shows the same users",
    "gini": "inequality of exposure (0: equal shares)",
    "first_share": "lists that one item leads, the one that leads most",
    "mean_popularity": "mean users of a shown item",
    "novelty": "novelty, bits",
    "long_tail_share": "places beyond the most popular 20 %",
    "lists_beyond_head": "lists with an item beyond the most popular 1 %",
    "intra_list_diversity": "difference within a list (by text)",
}


def figures_table(lake: Lake, run_id: str) -> PageTable:
    """Figures of the first 10 places: everyone's lists, the judged users', and popularity's for those."""
    found = {
        row[0]: row[1:]
        for row in lake.rows(
            """
            select
                metric,
                round(max(value) filter (where subject = ?), 3),
                round(max(value) filter (where subject = 'pipeline'), 3),
                round(max(value) filter (where subject = 'popular'), 3)
            from ops.evaluations
            where run_id = ? and k = 10
            group by metric
            """,
            [PUBLISHED, run_id],
        )
    }
    rows = [(says, *found[metric]) for metric, says in SAYS.items() if metric in found]
    return PageTable(("first 10 places", "all lists", "judged users", "popularity alone"), rows)


def segments_table(lake: Lake, run_id: str) -> PageTable:
    """nDCG@10 of each segment with enough judged users, the best first."""
    rows = lake.rows(
        "select substr(subject, ?), round(value, 4), round(low, 4), round(high, 4), users"
        " from ops.evaluations where run_id = ? and starts_with(subject, ?) and metric = 'ndcg'"
        " order by value desc, subject",
        [len(SEGMENT) + 1, run_id, SEGMENT],
    )
    return PageTable(("segment", "nDCG@10", "low", "high", "judged users"), rows)


def costs_table(lake: Lake, run_id: str) -> PageTable:
    """What each active rule costs in nDCG@10, the dearest first."""
    rows = lake.rows(
        "select substr(subject, ?), round(value, 4), round(low, 4), round(high, 4)"
        " from ops.evaluations where run_id = ? and starts_with(subject, ?) and metric = 'ndcg_cost'"
        " order by value desc, subject",
        [len(WITHOUT) + 1, run_id, WITHOUT],
    )
    return PageTable(("rule", "costs nDCG@10", "low", "high"), rows)
