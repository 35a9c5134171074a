"""How healthy the lists of a nightly are, as rows of ops.evaluations without their run.

Row: subject, metric, k, value, low, high, users.  Subjects: `published` (the staged set of everyone),
`segment …` (judged users of one segment), `without …` (judged users, one active rule taken away).
"""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from include.evaluation.costs import rule_costs
from include.evaluation.evaluate import Evaluation
from include.evaluation.evaluation_row import EvaluationRow
from include.evaluation.published import published_health
from include.evaluation.segments import segment_intervals
from include.evaluation.split import Split
from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import Histories
from include.interactions.interactions import Interactions
from include.ranking.first_places import K
from include.recommender.model import Recommender

PUBLISHED = "published"
SEGMENT = "segment "
WITHOUT = "without "
# What a rule changes besides hits; the rest of an evaluation would only repeat itself.
TOLD_WITHOUT = ("ndcg", "coverage", "gini", "intra_list_diversity")


def published_rows(
    con: duckdb.DuckDBPyConnection,
    staged: str,
    recommender: Recommender,
    user_ids: np.ndarray,
    histories: Histories,
) -> list[EvaluationRow]:
    """Figures of every list of the staged set.

    staged: relation of its recommendations.  user_ids: str (n_users,), the rows of histories, which is built
    against recommender.catalogue.
    """
    items = _staged_lists(con, staged, user_ids, recommender.catalogue.item_ids)
    figures = published_health(items, recommender, histories)
    return [
        EvaluationRow(PUBLISHED, name.partition("@")[0], K, value, None, None, len(items))
        for name, value in figures.items()
    ]


def fairness_rows(
    model: Recommender, split: Split, known: Interactions, evaluation: Evaluation, seed: int
) -> list[EvaluationRow]:
    """nDCG@10 of each segment, and what each active rule costs.  evaluation: of the model on the split."""
    rows: list[EvaluationRow] = []
    segments = split.train.histories.segments[split.users]
    for name, (found, users) in segment_intervals(
        evaluation, segments, split.train.segment_names, seed
    ).items():
        rows.append(EvaluationRow(SEGMENT + name, "ndcg", K, found.mean, found.low, found.high, users))
    for rule, cost in rule_costs(model, split, known, seed).items():
        subject, paired, users = WITHOUT + rule, cost.cost, cost.without.n_users
        rows.append(EvaluationRow(subject, "ndcg_cost", K, paired.mean, paired.low, paired.high, users))
        for metric in TOLD_WITHOUT:
            value = cost.without.figures.get(f"{metric}@{K}")
            if value is not None:
                rows.append(EvaluationRow(subject, metric, K, value, None, None, users))
    return rows


def _staged_lists(
    con: duckdb.DuckDBPyConnection, staged: str, user_ids: np.ndarray, item_ids: np.ndarray
) -> np.ndarray:
    """int32 (n_users, K): positions of the listed items, NO_ITEM where a list is shorter."""
    for name, ids in (("_listed_users", user_ids), ("_listed_items", item_ids)):
        position = pa.array(np.arange(len(ids), dtype=np.int32))
        con.register(name, pa.table({"id": pa.array(ids, pa.string()), "position": position}))
    found = con.execute(
        'select users.position as row, lists."rank" - 1 as place, items.position as item'
        f" from {staged} as lists"
        " inner join _listed_users as users on lists.user_id = users.id"
        " inner join _listed_items as items on lists.item_id = items.id"
        ' where lists."rank" <= $k',
        {"k": K},
    ).fetchnumpy()
    for name in ("_listed_users", "_listed_items"):
        con.unregister(name)
    items = np.full((len(user_ids), K), NO_ITEM, dtype=np.int32)
    items[found["row"], found["place"]] = found["item"]
    return items
