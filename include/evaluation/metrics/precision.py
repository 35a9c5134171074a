"""Share of the list's first k places that are relevant."""

from __future__ import annotations

import numpy as np


def precision(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """float64 (n_users,).  hits: bool (n_users, k).  Divides by k, also where fewer are relevant."""
    return hits.sum(axis=1) / max(hits.shape[1], 1)
