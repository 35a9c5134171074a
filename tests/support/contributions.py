"""What parts of scores add up to."""

from __future__ import annotations

import numpy as np

from include.retrieval.contributions import AnyContributions, Contributions


def totals(parts: AnyContributions, n_pairs: int) -> np.ndarray:
    """float64 (n_pairs,): the sum of each pair's parts."""
    if isinstance(parts, Contributions):
        return np.bincount(parts.pair, weights=parts.value, minlength=n_pairs)
    found = np.zeros(n_pairs)
    for user in parts.users:
        found[user.pairs] = user.value.sum(axis=1, dtype=np.float64)
    return found
