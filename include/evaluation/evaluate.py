"""All figures of a set of lists against what users took afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.evaluation.metrics.average_precision import average_precision
from include.evaluation.metrics.coverage import coverage
from include.evaluation.metrics.f1 import f1
from include.evaluation.metrics.first_share import first_share
from include.evaluation.metrics.gini import gini
from include.evaluation.metrics.hit_rate import hit_rate
from include.evaluation.metrics.intra_list_diversity import intra_list_diversity
from include.evaluation.metrics.long_tail import lists_beyond_head, long_tail_share
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.metrics.novelty import novelty
from include.evaluation.metrics.precision import precision
from include.evaluation.metrics.recall import recall
from include.ranking.first_places import K

Metric = Callable[[np.ndarray, np.ndarray], np.ndarray]
USER_METRICS: dict[str, Metric] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "map": average_precision,
    "ndcg": ndcg,
    "hit_rate": hit_rate,
}
CUTOFFS = (K, 50)
# The figure by which models are compared.
METRIC = f"ndcg@{K}"


@dataclass(frozen=True)
class Evaluation:
    """figures: "ndcg@10" … -> mean over users.  by_user: the same names -> float64 (n_users,).
    n_users 0 means that nobody could be judged; figures are then empty, which no gate may read as good."""

    figures: dict[str, float]
    by_user: dict[str, np.ndarray]
    n_users: int


def hits_of(items: np.ndarray, relevant: sp.csr_matrix) -> np.ndarray:
    """bool (n_users, k): whether each place of items (negative: empty) holds a relevant item."""
    n_items = relevant.shape[1]
    rows = np.repeat(np.arange(relevant.shape[0]), np.diff(relevant.indptr))
    wanted = rows.astype(np.int64) * n_items + relevant.indices
    asked = np.arange(len(items))[:, None] * np.int64(n_items) + items
    return np.isin(asked, wanted) & (items >= 0)


def evaluate_lists(
    items: np.ndarray,
    relevant: sp.csr_matrix,
    *,
    n_users_of_item: np.ndarray | None = None,
    n_users: int = 0,
    vectors: np.ndarray | None = None,
    cutoffs: tuple[int, ...] = CUTOFFS,
) -> Evaluation:
    """items: int (n_users, k) best first, negative where empty.  relevant: CSR (n_users, n_items).

    n_users_of_item, n_users: popularity in the training data, for novelty and the long tail.
    vectors: unit rows (n_items, d) for intra-list diversity.
    """
    if not len(items):
        return Evaluation({}, {}, 0)
    n_relevant = np.diff(relevant.indptr)
    hits = hits_of(items, relevant)
    by_user = {
        f"{name}@{k}": metric(_first(hits, k), n_relevant)
        for k in cutoffs
        for name, metric in USER_METRICS.items()
    }
    figures = {name: float(values.mean()) for name, values in by_user.items()}
    figures |= list_health(
        items[:, : cutoffs[0]], relevant.shape[1], n_users_of_item, n_users, vectors, cutoffs[0]
    )
    return Evaluation(figures, by_user, len(items))


def list_health(
    items: np.ndarray,
    n_items: int,
    n_users_of_item: np.ndarray | None,
    n_users: int,
    vectors: np.ndarray | None,
    k: int,
) -> dict[str, float]:
    """What can be said of lists without knowing the future; names end in @k."""
    figures = {
        "coverage": coverage(items, n_items),
        "gini": gini(items, n_items),
        "first_share": first_share(items),
    }
    if n_users_of_item is not None:
        figures["novelty"] = novelty(items, n_users_of_item, n_users)
        figures["long_tail_share"] = long_tail_share(items, n_users_of_item)
        figures["lists_beyond_head"] = lists_beyond_head(items, n_users_of_item)
        shown = items[items >= 0]
        figures["mean_popularity"] = float(n_users_of_item[shown].mean()) if len(shown) else 0.0
    if vectors is not None:
        figures["intra_list_diversity"] = intra_list_diversity(items, vectors)
    return {f"{name}@{k}": value for name, value in figures.items()}


def _first(hits: np.ndarray, k: int) -> np.ndarray:
    """The first k places; a shorter list is padded with misses so that @50 of 10 places is honest."""
    if hits.shape[1] >= k:
        return hits[:, :k]
    return np.pad(hits, ((0, 0), (0, k - hits.shape[1])))
