"""Scores of different scales made comparable, row by row."""

from __future__ import annotations

import numpy as np

# Below it a row's values are told apart by rounding alone.
MIN_SPREAD = 1e-9


def standardised(values: np.ndarray, is_real: np.ndarray) -> np.ndarray:
    """Each row with mean 0 and spread 1 over its real places; 0 elsewhere and where the row has no spread.

    values, is_real: (n_rows, n_places).
    """
    count = np.maximum(is_real.sum(axis=1, keepdims=True), 1)
    mean = np.where(is_real, values, 0).sum(axis=1, keepdims=True) / count
    centred = np.where(is_real, values - mean, 0)
    spread = np.sqrt((centred**2).sum(axis=1, keepdims=True) / count)
    return centred / np.where(spread > MIN_SPREAD, spread, 1)
