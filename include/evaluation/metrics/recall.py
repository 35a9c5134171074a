"""Share of the relevant items that are in the list's first k places."""

from __future__ import annotations

import numpy as np


def recall(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """float64 (n_users,).  hits: bool (n_users, k).  n_relevant: (n_users,), all relevant items, > 0."""
    return hits.sum(axis=1) / np.maximum(n_relevant, 1)
