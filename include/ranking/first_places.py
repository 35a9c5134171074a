"""The places of a list that count most, and how many of the very first one item may take."""

from __future__ import annotations

import numpy as np

K = 10  # what a user sees without scrolling: tuning, evaluation and gates look at these places
# An item that gives way falls behind the second by this much, in spreads of a row's scores.
STEP_BACK = 0.01
MAX_ROUNDS = 20
# Lists of fewer people say nothing about a share.
FEWEST_USERS = 20


def most_first_places(n_users: int, n_items: int, share: float) -> int:
    """Lists that one item may lead: `share` of them, and never less than twice what equal places come to."""
    return max(int(np.ceil(share * n_users)), int(np.ceil(2 * n_users / max(n_items, 1))))


def learn_handicaps(items: np.ndarray, value: np.ndarray, n_items: int, share: float) -> np.ndarray:
    """float32 (n_items,) >= 0: what to take off each item's scores so that none leads more lists than it may.

    items: (n_users, n_candidates); value: float64, their scores in spreads of the row, -inf where there is no
    candidate.  An item that leads too often gives up the lists where the second is nearest.
    """
    handicaps = np.zeros(n_items)
    if len(items) < FEWEST_USERS or items.shape[1] < 2:
        return handicaps.astype(np.float32)
    most = most_first_places(len(items), n_items, share)
    for _ in range(MAX_ROUNDS):
        left = value - handicaps[items]
        best = left.argmax(axis=1)[:, None]
        leader = np.take_along_axis(items, best, axis=1)[:, 0]
        leading = np.take_along_axis(left, best, axis=1)[:, 0]
        np.put_along_axis(left, best, -np.inf, axis=1)
        second = left.max(axis=1)
        is_open = np.isfinite(second)  # there is one to give way to
        margin = np.where(is_open, leading, 0) - np.where(is_open, second, 0)
        counts = np.bincount(leader[is_open], minlength=n_items)
        over = np.flatnonzero(counts > most)
        if not len(over):
            break
        for item in over:
            margins = np.sort(margin[is_open & (leader == item)])
            handicaps[item] += margins[counts[item] - most - 1] + STEP_BACK
    return handicaps.astype(np.float32)
