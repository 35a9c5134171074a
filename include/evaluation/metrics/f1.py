"""Harmonic mean of precision and recall, user by user."""

from __future__ import annotations

import numpy as np

from include.evaluation.metrics.precision import precision
from include.evaluation.metrics.recall import recall


def f1(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """float64 (n_users,); 0 where there is no hit."""
    p, r = precision(hits, n_relevant), recall(hits, n_relevant)
    return np.where(p + r > 0, 2 * p * r / np.where(p + r > 0, p + r, 1), 0.0)
