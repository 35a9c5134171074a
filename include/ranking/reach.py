"""Reach: every item that fits somebody gets into some list, and none comes first in most of them.

An item that no list shows among its first places is lifted just far enough to enter the lists of those
users who miss it by least. The lift is one number an item, learned beside the model, so that a list still
depends on its user's history row alone. The last places are what is given away: the ones least looked at.
The same number is below zero for an item that would lead too many lists (include/ranking/first_places.py).
"""

from __future__ import annotations

import numpy as np

from include.ranking.first_places import K

# The furthest lift, in spreads of a user's candidate scores: beyond three, coverage gained nothing more on
# films and gifts, since those items are nobody's candidate.
FURTHEST = 3.0
# An item counts as reached with a twentieth of the places that equal shares would give it, at least one.
MIN_SHARE = 0.05
# Two items that want the same place outbid each other by this much, in spreads (Bertsekas 1988, epsilon):
# a tenth of it gave the same lists after four times the rounds.
BID = 0.05
MAX_ROUNDS = 15


def fewest_lists(n_users: int, n_items: int, k: int = K) -> int:
    """Lists that an item must appear in, among the first k places, to count as reached."""
    return max(1, int(np.ceil(MIN_SHARE * n_users * k / max(n_items, 1))))


def lift(items: np.ndarray, score: np.ndarray, lifts: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """(items, score) of each row in the order of score + lift, best first.

    items: int (n_users, n_candidates), best first; score: float32, -inf where there is no candidate.
    lifts: float32 (n_known_items,), in spreads of the row's scores; an item beyond them keeps its score.
    """
    if lifts is None or not lifts.any():
        return items, score
    by_item = np.pad(lifts, (0, max(0, int(items.max(initial=-1)) + 1 - len(lifts))))
    _, spread = in_spreads(score)
    lifted = (score + by_item[items] * spread).astype(np.float32)
    order = np.argsort(-lifted, axis=1, kind="stable")
    return np.take_along_axis(items, order, axis=1), np.take_along_axis(lifted, order, axis=1)


def learn_lifts(items: np.ndarray, score: np.ndarray, n_items: int, reach: float, k: int = K) -> np.ndarray:
    """float32 (n_items,): 0 for most; the least lift that brings each unseen item to somebody, up to
    reach x FURTHEST spreads; an item that would need more stays where it is.

    items, score: candidates of the users whose lists are counted, as for `lift`.
    An ascending auction for the last of the k first places: whoever is not reached bids the smallest gap
    it still has, until nobody can bid (Bertsekas 1988, "The auction algorithm").
    """
    lifts = np.zeros(n_items, dtype=np.float64)
    if reach <= 0 or not len(items):
        return lifts.astype(np.float32)
    value, _ = in_spreads(score)
    k = min(k, items.shape[1])
    least = fewest_lists(len(items), n_items, k)
    for _ in range(MAX_ROUNDS):
        lifted = value + lifts[items]
        bar = -np.partition(-lifted, k - 1, axis=1)[:, k - 1 : k]
        is_in = (lifted >= bar) & np.isfinite(lifted)
        missing = least - np.bincount(items[is_in], minlength=n_items)
        # A bar of -inf: a list that is not full keeps nobody out.
        bids = (missing[items] > 0) & ~is_in & np.isfinite(lifted) & np.isfinite(bar)
        gaps = np.broadcast_to(bar, lifted.shape)[bids] - lifted[bids]
        wanted = lifts + _nth_smallest(items[bids], gaps, missing, n_items) + BID
        raised = np.flatnonzero(np.isfinite(wanted) & (wanted <= reach * FURTHEST))
        if not len(raised):
            break
        lifts[raised] = wanted[raised]
    return lifts.astype(np.float32)


def _nth_smallest(items: np.ndarray, gaps: np.ndarray, n: np.ndarray, n_items: int) -> np.ndarray:
    """float64 (n_items,): n-th smallest gap of each item, its largest where it has fewer, inf for none."""
    order = np.lexsort((gaps, items))
    items, gaps = items[order], gaps[order]
    counts = np.bincount(items, minlength=n_items)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    found = np.full(n_items, np.inf)
    asked = np.flatnonzero((counts > 0) & (n > 0))
    found[asked] = gaps[starts[asked] + np.minimum(n[asked], counts[asked]) - 1]
    return found


def in_spreads(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(score / spread, spread (n_users, 1)) over the row's candidates; a row without spread is not lifted.

    Only differences matter here, so that no mean is taken off.
    """
    is_real = np.isfinite(score)
    n = np.maximum(is_real.sum(axis=1, keepdims=True), 1)
    known = np.where(is_real, score, 0).astype(np.float64)
    mean = known.sum(axis=1, keepdims=True) / n
    spread = np.sqrt((np.where(is_real, known - mean, 0) ** 2).sum(axis=1, keepdims=True) / n)
    has_spread = spread > 1e-6
    value = np.where(is_real & has_spread, known / np.where(has_spread, spread, 1), -np.inf)
    return value, np.where(has_spread, spread, 0)
