"""Session-aware order: what people touched in the last minutes moves their lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import scipy.sparse as sp

from include.interactions.catalogue import NO_ITEM
from include.interactions.decay import decay
from include.interactions.histories import Histories, histories_from_pairs
from include.ranking.blend import normalise
from include.ranking.standardise import standardised
from include.recommender.lists import Lists
from include.recommender.model import Recommender

# After six half-lives a session has lost 98 % of its say: it is over.
HALF_LIVES = 6
MINUTES_PER_DAY = 1440.0
BLOCK_USERS = 256


def order_by_session(
    recommender: Recommender, histories: Histories, lists: Lists, half_life_minutes: float, strength: float
) -> Lists:
    """Lists in session-aware order; rows without an event in the last HALF_LIVES half-lives stay as they are.

    histories: the rows of ``lists``. The session's say is ``strength`` for an event at as_of and halves with
    each half-life since the newest one, so that nightly, refresh and read time agree on when it is over.
    Items only change places; the scores of a row are dealt out again from the top, so they still fall.
    """
    if strength <= 0 or lists.item_idx.size == 0:
        return lists
    minutes = histories.age_days * np.float32(MINUTES_PER_DAY)
    is_fresh = minutes < HALF_LIVES * half_life_minutes
    fresh_counts = np.diff(np.concatenate(([0], np.cumsum(is_fresh)))[histories.weights.indptr])
    rows = np.flatnonzero(fresh_counts)
    if not len(rows):
        return lists
    order = np.tile(np.arange(lists.item_idx.shape[1]), (len(lists.item_idx), 1))
    for start in range(0, len(rows), BLOCK_USERS):
        block = rows[start : start + BLOCK_USERS]
        order[block] = _order(
            recommender,
            histories.rows(block),
            lists.item_idx[block],
            lists.score[block],
            half_life_minutes,
            strength,
        )

    def moved(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, order, axis=1)

    return replace(
        lists,
        item_idx=moved(lists.item_idx),
        source=moved(lists.source),
        evidence=moved(lists.evidence),
        share=moved(lists.share),
        reasons=moved(lists.reasons),
    )


def rerank_by_session(
    recommender: Recommender,
    item_idx: np.ndarray,
    score: np.ndarray,
    session_items: Sequence[int] | np.ndarray,
    age_minutes: Sequence[float] | np.ndarray,
    *,
    half_life_minutes: float,
    strength: float,
) -> np.ndarray:
    """int64 positions that put one user's list (item_idx, score: (n,)) into its session-aware order.

    session_items: indices of items of the catalogue, age_minutes: since each was touched. The order is the
    one that ``order_by_session`` gives to a history of these. strength 0 keeps the list's order, 1 with an
    item touched now follows the session alone. Items are only moved, none is added, so every rule the list
    keeps still holds. With an empty session the order stays.
    """
    ages = np.maximum(np.asarray(age_minutes, dtype=np.float64), 0)
    is_fresh = ages < HALF_LIVES * half_life_minutes
    if strength <= 0 or not is_fresh.any():
        return np.arange(len(item_idx))
    newest_first = np.argsort(ages[is_fresh], kind="stable")
    items, first = np.unique(np.asarray(session_items)[is_fresh][newest_first], return_index=True)
    age_days = (ages[is_fresh][newest_first][first] / MINUTES_PER_DAY).astype(np.float32)
    history = histories_from_pairs(
        np.zeros(len(items)),
        items,
        np.ones(len(items)),
        age_days,
        n_users=1,
        n_items=len(recommender.catalogue),
    )
    return _order(recommender, history, item_idx[None], score[None], half_life_minutes, strength)[0]


def _order(
    recommender: Recommender,
    histories: Histories,
    item_idx: np.ndarray,
    score: np.ndarray,
    half_life_minutes: float,
    strength: float,
) -> np.ndarray:
    """int64 (n_users, n): for each place of the new list the place in the old one."""
    minutes = histories.age_days.astype(np.float64) * MINUTES_PER_DAY
    sessions = _sessions(histories, minutes, half_life_minutes)
    near = np.zeros((histories.n_users, len(recommender.catalogue)), dtype=np.float32)
    fitted = sessions.with_items(recommender.n_fitted)
    for source in recommender.sources.values():
        if source.speaks_of_sessions:
            part = normalise(source.score(sessions if source.knows_new_items else fitted))
            near[:, : part.shape[1]] += part
    filled = item_idx != NO_ITEM
    near = np.take_along_axis(near, np.where(filled, item_idx, 0), axis=1)
    newest = np.minimum.reduceat(np.append(minutes, np.inf), histories.weights.indptr[:-1])
    say = (strength * decay(newest, half_life_minutes))[:, None]
    mixed = (1 - say) * standardised(score, filled) + say * standardised(near, filled)
    return np.argsort(np.where(filled, -mixed, np.inf), axis=1, kind="stable")


def _sessions(histories: Histories, minutes: np.ndarray, half_life_minutes: float) -> Histories:
    """The histories cut to the session, each item weighted by how long ago it was touched."""
    keep = minutes < HALF_LIVES * half_life_minutes
    indptr = np.concatenate(([0], np.cumsum(keep)))[histories.weights.indptr]
    weight = decay(minutes[keep], half_life_minutes).astype(np.float32)
    weights = sp.csr_matrix((weight, histories.weights.indices[keep], indptr), histories.weights.shape)
    return replace(
        histories, weights=weights, age_days=histories.age_days[keep], counts=histories.counts[keep]
    )
