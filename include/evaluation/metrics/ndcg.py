"""Normalised discounted cumulative gain, binary relevance."""

from __future__ import annotations

import numpy as np


def ndcg(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """float64 (n_users,): Σ hit / log2(place + 1), over that of a list with all relevant items first.

    The ideal holds min(k, |relevant|) hits.  Source: Järvelin & Kekäläinen 2002, with gain 0 or 1.
    """
    k = hits.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.concatenate(([0.0], np.cumsum(discount)))[np.minimum(n_relevant, k)]
    return np.where(ideal > 0, (hits * discount).sum(axis=1) / np.where(ideal > 0, ideal, 1), 0.0)
