"""Average precision: rewards hits, and early hits more."""

from __future__ import annotations

import numpy as np


def average_precision(hits: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """float64 (n_users,): Σ over hits of precision at that place, over |relevant|.

    |relevant| is not cut to k: the Microsoft Recommenders protocol (python_evaluation.py, map_at_k).
    Its mean over users is MAP@k.
    """
    places = np.arange(1, hits.shape[1] + 1)
    precision_at = np.cumsum(hits, axis=1) / places
    return (precision_at * hits).sum(axis=1) / np.maximum(n_relevant, 1)
