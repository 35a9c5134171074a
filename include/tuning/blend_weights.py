"""Search for the blend's weights on judged users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.ranking.blend import top_k

STEPS = (0.0, 0.5, 0.8, 1.25, 2.0)
FIRST_WEIGHTS = (0.05, 0.1, 0.2, 0.5)
K = 10


class BlendPool:
    """Judged users' candidates with every source's normalised score; a blend is then one matrix product.

    scaled: (n_sources, n_users, n_items).  allowed: bool (n_users, n_items).
    """

    def __init__(self, scaled: np.ndarray, allowed: np.ndarray, relevant: sp.csr_matrix, size: int) -> None:
        hidden = np.float32(-1e9)
        tops = [top_k(np.where(allowed, source, hidden), size) for source in scaled]
        pool = np.sort(np.concatenate(tops, axis=1), axis=1)
        rows = np.arange(len(pool))[:, None]
        is_repeated = np.zeros(pool.shape, dtype=bool)
        is_repeated[:, 1:] = pool[:, 1:] == pool[:, :-1]
        self.features = np.ascontiguousarray(scaled[:, rows, pool].transpose(1, 2, 0))
        self.hidden = is_repeated | ~allowed[rows, pool]
        self.hits = hits_of(pool, relevant)
        self.n_relevant = np.diff(relevant.indptr)

    def ndcg(self, weights: np.ndarray) -> np.ndarray:
        """float64 (n_users,): nDCG@10 of the blend with these weights."""
        scores = self.features @ weights.astype(np.float32)
        scores[self.hidden] = -np.inf
        places = top_k(scores, K)
        return ndcg(np.take_along_axis(self.hits & ~self.hidden, places, axis=1), self.n_relevant)


def search_blend_weights(
    pool: BlendPool, names: Sequence[str], rounds: int = 4
) -> tuple[dict[str, float], float]:
    """(name -> weight >= 0 summing to 1, mean nDCG@10): coordinate ascent from the best single source.

    A change is taken only if it gains, so the result is never below the best single on these users.
    """
    n_sources = len(names)
    singles = [float(pool.ndcg(np.eye(n_sources)[source]).mean()) for source in range(n_sources)]
    weights = np.eye(n_sources)[int(np.argmax(singles))]
    best = max(singles)
    for _ in range(rounds):
        before = best
        for source in range(n_sources):
            tried = FIRST_WEIGHTS if weights[source] == 0 else [weights[source] * step for step in STEPS]
            for weight in tried:
                changed = weights.copy()
                changed[source] = weight
                if changed.sum() == 0:
                    continue
                value = float(pool.ndcg(changed).mean())
                if value > best + 1e-6:
                    weights, best = changed / changed.sum(), value
        if best - before < 1e-4:
            break
    return {name: float(weight) for name, weight in zip(names, weights, strict=True)}, best
