"""How far to lift what no list shows: as far as costs next to nothing on the inner splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.split import Split
from include.interactions.histories import Histories
from include.ranking.first_places import K, learn_handicaps
from include.ranking.reach import in_spreads, learn_lifts, lift
from include.recommender.build_lists import block_rows, retrieve_and_blend, score_block
from include.recommender.model import Recommender
from include.recommender.rank import rank
from include.threads import in_threads

# Up to four tenths: there, films and gifts have their fivefold coverage; beyond it a domain must ask.
STRENGTHS = (0.0, 0.1, 0.2, 0.3, 0.4)
# Share of nDCG@10 that breadth may cost. Less than half of the one per cent that is bearable, because the
# largest strength that passes is taken, and with few judged users a loss may look smaller than it is.
MAX_LOSS = 0.004
# Lists of this many users are counted: more only find users whom an item misses by a little less.
MAX_USERS = 5_000
MAX_COUNTED = 2_000


def choose_reach(
    recommenders: Sequence[Recommender], splits: Sequence[Split], seed: int
) -> tuple[float, dict[str, float]]:
    """(largest strength that costs at most MAX_LOSS, nDCG@10 by strength up to the first that costs more).

    recommenders[i] is fitted on splits[i].train and was not taught by the judged users.  0 where every
    strength costs more, or where nothing is hit at all.
    """
    pools = [_pool(model, split, seed) for model, split in zip(recommenders, splits, strict=True)]
    figures: dict[str, float] = {}
    chosen = 0.0
    for strength in STRENGTHS:
        values = []
        for (items, score), split in zip(pools, splits, strict=True):
            judged = slice(0, len(split.users))
            lifts = learn_lifts(items, score, split.train.n_items, strength)
            best, order = lift(items[judged], score[judged], lifts)
            shown = np.where(np.isfinite(order), best, -1)[:, :K]
            values.append(ndcg(hits_of(shown, split.relevant), split.n_relevant))
        figures[f"reach {strength:g}"] = found = float(np.concatenate(values).mean())
        if found < (1 - MAX_LOSS) * figures["reach 0"]:
            break
        chosen = strength if found > 0 else 0.0
    return chosen, figures


def with_reach(recommender: Recommender, histories: Histories, reach: float, seed: int) -> Recommender:
    """The recommender with lifts learned from the lists of `histories`, strangers left out: they all get one
    list, which would give its last places away for all of them, and whose first item leads all of them."""
    share = recommender.config.diversity.max_first_share
    if reach <= 0 and share >= 1:
        return replace(recommender, reach=0.0, lifts=None)
    rows = _sample(np.flatnonzero(histories.lengths() > 0), MAX_USERS, seed)
    items, score = ranked_candidates(replace(recommender, lifts=None), histories.rows(rows))
    lifts = learn_lifts(items, score, recommender.n_fitted, reach)
    if share < 1:
        value = in_spreads(score)[0] + lifts[items]
        lifts = lifts - learn_handicaps(items, value, recommender.n_fitted, share)
    return replace(recommender, reach=max(reach, 0.0), lifts=lifts)


def ranked_candidates(recommender: Recommender, histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    """(items int32, score float32), both (n_users, n_candidates), best first: as `recommend` ranks them."""
    n, step = recommender.config.list_size, block_rows(recommender)

    def work(start: int) -> tuple[np.ndarray, np.ndarray]:
        block = histories.block(start, min(start + step, histories.n_users))
        found = score_block(recommender, block)
        blended, _ = retrieve_and_blend(recommender, found, n)
        ranked = rank(recommender, block, found.scaled, blended, n)
        return ranked.items.astype(np.int32), ranked.score.astype(np.float32)

    parts = list(in_threads(work, range(0, max(histories.n_users, 1), step)))
    return np.concatenate([items for items, _ in parts]), np.concatenate([score for _, score in parts])


def _pool(recommender: Recommender, split: Split, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Candidates of the judged users first, then of others: lifts are shared among all."""
    others = np.setdiff1d(np.flatnonzero(split.train.histories.lengths() > 0), split.users)
    rows = np.concatenate((split.users, _sample(others, max(0, MAX_COUNTED - len(split.users)), seed)))
    return ranked_candidates(recommender, split.train.histories.rows(rows))


def _sample(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
