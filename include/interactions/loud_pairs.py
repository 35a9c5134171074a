"""How much one pair may teach: no more than what one person in a hundred reaches.

A domain may weigh an event by its own number (stars, pieces, minutes). One account with a value of a thousand
million would outweigh everybody in every matrix that keeps weights.
"""

from __future__ import annotations

import numpy as np

from include.interactions.histories import Histories

LOUDEST_SHARE = 0.01


def weight_bound(histories: Histories) -> float:
    """The largest weight that more than LOUDEST_SHARE of the people (and more than one person) reach.

    Infinity where fewer than three people have a history: there is nobody to compare with.
    """
    lengths = histories.lengths()
    has_history = np.flatnonzero(lengths > 0)
    if len(has_history) < 3:
        return float("inf")
    loudest = np.maximum.reduceat(histories.weights.data, histories.weights.indptr[has_history])
    n_louder = max(1, int(np.ceil(LOUDEST_SHARE * len(loudest))))
    return float(np.partition(loudest, -n_louder - 1)[-n_louder - 1])
