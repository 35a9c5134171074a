"""One score from many sources: each brought to one scale, then weighted."""

from __future__ import annotations

import numpy as np

# Chunks that `top_k` looks at for each column it is asked for: with four, about a tenth more than k columns
# are sorted.
CHUNKS_PER_PLACE = 4


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
    """int64 (n_rows, min(k, n_columns)): columns of the k largest scores, best first, ties by column.

    scores: float32, -inf allowed, no NaN.
    """
    n_columns = scores.shape[1]
    k = min(k, n_columns)
    # An odd number: items that follow each other in fours or tens do not all fall into the same chunks.
    chunks = CHUNKS_PER_PLACE * k + 1
    if n_columns < 2 * chunks:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    at, n_kept = _at_least_k(scores, k, chunks)
    held = np.arange(n_kept.max(initial=k)) < n_kept[:, None]
    columns = np.zeros(held.shape, dtype=np.int64)
    columns[held] = at % n_columns
    falling = np.full(held.shape, np.inf, dtype=scores.dtype)
    falling[held] = -scores.ravel()[at]
    order = np.argsort(falling, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(columns, order, axis=1)


def _at_least_k(scores: np.ndarray, k: int, chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """(flat positions, rising, that hold the k largest of each row and few others; how many of each row).

    The k-th largest of the maxima of disjoint chunks is no larger than the k-th largest score, and close to
    it. Where a row is mostly one value (a source that knows a few items) numpy's argpartition takes ten
    times as long as this, and which of equals it keeps is chance.
    """
    n_rows, n_columns = scores.shape
    width = n_columns // chunks
    maxima = scores[:, : width * chunks].reshape(n_rows, width, chunks).max(axis=1)
    bound = np.partition(maxima, chunks - k, axis=1)[:, chunks - k]
    kept = scores > bound[:, None]
    n_kept = np.count_nonzero(kept, axis=1)
    for row in np.flatnonzero(n_kept < k).tolist():
        # Then the bound itself is the k-th largest: the first of those equal to it fill the row.
        kept[row, np.flatnonzero(scores[row] == bound[row])[: k - n_kept[row]]] = True
    return np.flatnonzero(kept), np.maximum(n_kept, k)
