"""How far refreshed lists have drifted from the retrained ones: the same users, listed both ways."""

from __future__ import annotations

import logging

import duckdb
import numpy as np

from include.config.domain import Domain
from include.evaluation.bootstrap import bootstrap_interval
from include.evaluation.evaluation_row import EvaluationRow
from include.ranking.first_places import K
from include.settings import SEED

log = logging.getLogger(__name__)
SUBJECT = "parity"


def measure_parity(con: duckdb.DuckDBPyConnection, domain: Domain, staged: str) -> list[EvaluationRow]:
    """How far apart the two are, over users.

    staged: relation of the staged set's recommendations; compared with the live lists that a refresh wrote.
    overlap: share of the K best of one list among the K best of the other. rank_correlation: Spearman's rho
    over the items that both lists hold (Spearman 1904), of users with three of them or more. No row where no
    live list was refreshed. Logs a warning below evaluation.min_parity_overlap: nothing is refused.
    """
    overlap, correlation = _by_user(con, domain, staged)
    rows: list[EvaluationRow] = []
    for metric, k, values in (("overlap", K, overlap), ("rank_correlation", domain.list_size, correlation)):
        if len(values):
            found = bootstrap_interval(values, SEED)
            rows.append(
                EvaluationRow(SUBJECT, metric, k, float(values.mean()), found.low, found.high, len(values))
            )
    if len(overlap) and overlap.mean() < domain.evaluation.min_parity_overlap:
        log.warning(
            "parity: refreshed and retrained lists of %d users share %.2f of their %d best items; expected"
            " %.2f or more (evaluation.min_parity_overlap): tastes move faster than models are trained",
            len(overlap),
            overlap.mean(),
            K,
            domain.evaluation.min_parity_overlap,
        )
    return rows


def _by_user(con: duckdb.DuckDBPyConnection, domain: Domain, staged: str) -> tuple[np.ndarray, np.ndarray]:
    """overlap float64 (n_users,), correlation float64 (n_users with enough common items,)."""
    found = con.execute(
        f"""
        with refreshed as (
            select lists.user_id, lists.item_id, lists."rank"
            from serving.recommendations as lists
            semi join (select publication_id from serving.publications where kind = 'refresh') as publications
                on lists.publication_id = publications.publication_id
        ),
        retrained as (
            select user_id, item_id, "rank" from {staged}
        ),
        -- By hash: the same users whenever the same lists are compared.
        sampled as (
            select user_id from (select distinct user_id from refreshed)
            semi join (select distinct user_id from retrained) using (user_id)
            order by md5(user_id)
            limit $users
        ),
        common as (
            select
                user_id,
                refreshed."rank" as refreshed_rank,
                retrained."rank" as retrained_rank,
                rank() over (partition by user_id order by refreshed."rank") as refreshed_place,
                rank() over (partition by user_id order by retrained."rank") as retrained_place
            from refreshed
            inner join retrained using (user_id, item_id)
        ),
        -- A catalogue may be smaller than K: a list cannot share more than it holds.
        sizes as (
            select user_id, least($k, max("rank")) as best from retrained group by user_id
        )
        select
            count(*) filter (where common.refreshed_rank <= $k and common.retrained_rank <= $k)
            / any_value(sizes.best) as overlap,
            if(
                count(common.refreshed_place) >= 3,
                corr(common.refreshed_place, common.retrained_place),
                null
            ) as correlation
        from sampled
        inner join sizes using (user_id)
        left join common using (user_id)
        group by sampled.user_id
        """,
        {"k": K, "users": domain.evaluation.parity_users},
    ).fetchall()
    overlap = np.array([row[0] for row in found], dtype=np.float64)
    correlation = np.array([row[1] for row in found if row[1] is not None], dtype=np.float64)
    return overlap, correlation
