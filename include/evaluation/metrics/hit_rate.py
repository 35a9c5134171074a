"""Whether the list's first k places hold anything relevant."""

from __future__ import annotations

import numpy as np


def hit_rate(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """float64 (n_users,), 0 or 1."""
    return np.asarray(hits.any(axis=1), dtype=np.float64)
