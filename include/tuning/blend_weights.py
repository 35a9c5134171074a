"""Search for the blend's weights on judged users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize

from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.split import Split
from include.ranking.blend import top_k
from include.ranking.first_places import K
from include.recommender.build_lists import block_rows, retrieve, retrieve_and_blend, score_block
from include.recommender.model import Recommender

STEPS = (0.0, 0.5, 0.8, 1.25, 2.0)
FIRST_WEIGHTS = (0.05, 0.1, 0.2)
CLIMBED_K = 50
MIN_GAIN = 1e-5  # of one change, beyond rounding
ENOUGH_GAIN = 2e-4  # of a round over all sources, to try another


@dataclass(frozen=True)
class BlendPool:
    """Judged users' candidates; a blend is then one matrix product.

    scaled: float32 (n_users, n_candidates, n_sources).  is_hit, is_hidden: bool (n_users, n_candidates).
    n_relevant: (n_users,).
    """

    scaled: np.ndarray
    is_hit: np.ndarray
    is_hidden: np.ndarray
    n_relevant: np.ndarray

    def ndcg(self, weights: np.ndarray, k: int = K) -> np.ndarray:
        """float64 (n_users,): nDCG@k of the blend with these weights."""
        scores = self.scaled @ weights.astype(np.float32)
        scores[self.is_hidden] = -np.inf
        hits = np.take_along_axis(self.is_hit & ~self.is_hidden, top_k(scores, k), axis=1)
        return ndcg(hits, self.n_relevant)


def pool_candidates(recommender: Recommender, split: Split) -> BlendPool:
    """Everything that any source of `recommender`, fitted on split.train, brings for the judged users.

    What the cold-item guess and boosts would add is left out: they are not what is being tuned.
    """
    rows = block_rows(recommender)
    parts = [
        _pool_block(recommender, split, np.arange(start, min(start + rows, len(split.users))))
        for start in range(0, len(split.users), rows)
    ]
    return join_pools(parts)


def join_pools(pools: Sequence[BlendPool]) -> BlendPool:
    """Users of several blocks or splits as one pool; shorter candidate rows are filled with hidden ones."""
    width = max(pool.is_hit.shape[1] for pool in pools)

    def widened(values: np.ndarray, filler: float) -> np.ndarray:
        pad = [(0, 0), (0, width - values.shape[1])] + [(0, 0)] * (values.ndim - 2)
        return np.pad(values, pad, constant_values=filler)

    return BlendPool(
        np.concatenate([widened(pool.scaled, 0) for pool in pools]),
        np.concatenate([widened(pool.is_hit, False) for pool in pools]),
        np.concatenate([widened(pool.is_hidden, True) for pool in pools]),
        np.concatenate([pool.n_relevant for pool in pools]),
    )


def _pool_block(recommender: Recommender, split: Split, judged: np.ndarray) -> BlendPool:
    scores = score_block(recommender, split.train.histories.rows(split.users[judged]))
    retrieved = retrieve(recommender, scores, K)
    n_items = scores.allowed.shape[1]
    # A source's empty places take the number past the last item, which is hidden below.
    columns = np.concatenate([np.where(is_real, items, n_items) for items, is_real in retrieved], axis=1)
    columns.sort(axis=1)
    is_hidden = columns == n_items
    is_hidden[:, 1:] |= columns[:, 1:] == columns[:, :-1]
    items = np.where(is_hidden, 0, columns)
    scaled = scores.scaled[:, np.arange(len(items))[:, None], items].transpose(1, 2, 0)
    relevant = split.relevant[judged]
    return BlendPool(
        np.ascontiguousarray(scaled), hits_of(items, relevant), is_hidden, np.diff(relevant.indptr)
    )


def search_blend_weights(
    pool: BlendPool, names: Sequence[str], rounds: int = 2
) -> tuple[dict[str, float], float]:
    """(name -> weight >= 0 summing to 1, mean nDCG@10).

    Two estimates are averaged: the weights of greatest likelihood, and the same after climbing nDCG@50.  The
    first is smooth but cares for scale, the second asks the right question but steps; the mean of both was
    the steadiest from one half of MovieLens' judged users to the other.  Where it loses to the best single
    source by more than a standard error of the judged users, that source takes all.
    """
    singles = [pool.ndcg(row) for row in np.eye(len(names))]
    best = int(np.argmax([values.mean() for values in singles]))
    weights, values = np.eye(len(names))[best], singles[best]
    likely = likely_weights(pool)
    if likely.any():
        mixed = (likely + _climb(pool, likely, rounds)) / 2
        lost = values - pool.ndcg(mixed)
        if lost.mean() <= lost.std() / np.sqrt(len(lost)):
            weights, values = mixed, pool.ndcg(mixed)
    return {name: float(weight) for name, weight in zip(names, weights, strict=True)}, float(values.mean())


def likely_weights(pool: BlendPool) -> np.ndarray:
    """float64 (n_sources,), >= 0, summing to 1 (or all 0): greatest likelihood of the hits under a softmax.

    Each hit is one draw from the user's candidates; smooth, so that many weights can be found at once
    where nDCG only steps.  Source: Cao et al. 2007 (ListNet), top-one probability.
    """
    has_hit = (pool.is_hit & ~pool.is_hidden).any(axis=1)
    scaled, is_hidden = pool.scaled[has_hit], pool.is_hidden[has_hit]
    target = (pool.is_hit & ~pool.is_hidden)[has_hit].astype(np.float32)
    target /= np.maximum(target.sum(axis=1, keepdims=True), 1)
    wanted = np.einsum("uc,ucs->s", target, scaled)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = scaled @ weights.astype(np.float32)
        scores[is_hidden] = -np.inf
        top = scores.max(axis=1, keepdims=True)
        odds = np.exp(scores - top)
        total = odds.sum(axis=1, keepdims=True)
        expected = np.einsum("uc,ucs->s", odds / total, scaled)
        value = float((top + np.log(total)).sum() - wanted @ weights)
        return value / len(scaled), (expected - wanted).astype(np.float64) / len(scaled)

    if not len(scaled):
        return np.zeros(pool.scaled.shape[2])
    start = np.full(pool.scaled.shape[2], 1 / pool.scaled.shape[2])
    bounds = [(0, None)] * len(start)
    found = scipy.optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 60}
    )
    return found.x / max(float(found.x.sum()), 1e-12)


def _climb(pool: BlendPool, weights: np.ndarray, rounds: int) -> np.ndarray:
    """Weights, summing to 1, after changing one at a time while nDCG@50 gains.

    50 places hold some five times the hits of 10 and so tell settings apart with fewer users.
    """
    best = pool.ndcg(weights, CLIMBED_K).mean()
    for _ in range(rounds):
        before = best
        for source in range(len(weights)):
            tried = FIRST_WEIGHTS if weights[source] == 0 else [weights[source] * step for step in STEPS]
            for weight in tried:
                changed = weights.copy()
                changed[source] = weight
                if changed.sum() == 0:
                    continue
                value = pool.ndcg(changed, CLIMBED_K).mean()
                if value > best + MIN_GAIN:
                    weights, best = changed / changed.sum(), value
        if best - before < ENOUGH_GAIN:
            break
    return weights


def blended_candidates(
    recommender: Recommender, split: Split, judged: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(scaled (n_sources, n, n_items), blended (n, n_items)) of the judged rows, as `recommend` does."""
    scores = score_block(recommender, split.train.histories.rows(split.users[judged]))
    blended, _ = retrieve_and_blend(recommender, scores, recommender.config.list_size)
    return scores.scaled, blended
