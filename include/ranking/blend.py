"""One score from many sources: each brought to one scale, then weighted."""

from __future__ import annotations

import numpy as np


def normalise(scores: np.ndarray) -> np.ndarray:
    """Each row minus its mean, over its standard deviation; a constant row becomes zeros.

    Sources score in units of their own (dot products, counts, cosines); the spread over the
    catalogue is what makes "much better than the rest" comparable between them.
    """
    mean = scores.mean(axis=1, keepdims=True)
    centred = scores - mean
    spread = np.sqrt(np.square(centred).mean(axis=1, keepdims=True))
    is_flat = spread <= 1e-12 + 1e-6 * np.abs(mean)
    centred *= np.where(is_flat, 0, 1 / np.where(is_flat, 1, spread))
    return centred.astype(np.float32, copy=False)


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """int64 (n_rows, min(k, n_columns)): columns of the k largest scores, best first, ties by column."""
    n_columns = scores.shape[1]
    k = min(k, n_columns)
    if k < n_columns:
        part = np.sort(np.argpartition(scores, n_columns - k, axis=1)[:, n_columns - k :], axis=1)
    else:
        part = np.broadcast_to(np.arange(n_columns), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)
