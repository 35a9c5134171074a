"""One score from many sources: each brought to one scale, then weighted."""

from __future__ import annotations

import numpy as np

# Chunks that `top_k` looks at for each column it is asked for: with four, about a tenth more than k columns
# are sorted.
CHUNKS_PER_PLACE = 4
_COLUMN_BITS = np.uint64(32)
_COLUMN_MASK = np.uint64(0xFFFFFFFF)
_NO_KEY = np.uint64(0xFFFFFFFFFFFFFFFF)


def normalise(scores: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """float32: each row minus its mean, over its standard deviation; a constant row becomes zeros.

    Sources score in units of their own (dot products, counts, cosines); the spread over the
    catalogue is what makes "much better than the rest" comparable between them.
    out: float32 of the same shape, to write the result into.
    """
    mean = scores.mean(axis=1, keepdims=True)
    centred = np.subtract(scores, mean, out=out, casting="same_kind")
    spread = np.sqrt(np.vecdot(centred, centred) / max(1, scores.shape[1]))[:, None]
    is_flat = spread <= 1e-12 + 1e-6 * np.abs(mean)
    centred *= np.where(is_flat, 0, 1 / np.where(is_flat, 1, spread)).astype(np.float32)
    return centred.astype(np.float32, copy=False)


def top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """int64 (n_rows, min(k, n_columns)): columns of the k largest scores, best first, ties by column.

    scores: compared as float32, -inf allowed, no NaN.
    """
    scores = scores.astype(np.float32, copy=False)
    n_columns = scores.shape[1]
    k = min(k, n_columns)
    # An odd number: items that follow each other in fours or tens do not all fall into the same chunks.
    chunks = CHUNKS_PER_PLACE * k + 1
    if n_columns < 2 * chunks:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k]
    at, starts = _at_least_k(scores, k, chunks)
    n_kept = np.diff(starts)
    # One number a column, of which the smallest is the best: its score, falling, then the column.
    keys = np.full((len(scores), n_kept.max(initial=k)), _NO_KEY)
    place = np.arange(len(at)) + np.repeat(keys.shape[1] * np.arange(len(scores)) - starts[:-1], n_kept)
    keys.ravel()[place] = _falling(scores.ravel()[at]) << _COLUMN_BITS | (at % n_columns).astype(np.uint64)
    keys.sort(axis=1)
    return (keys[:, :k] & _COLUMN_MASK).astype(np.int64)


def _falling(scores: np.ndarray) -> np.ndarray:
    """uint64 (n,) below 2^32 that falls as a float32 score rises; the same for equal ones, 0 and -0 too."""
    bits = (scores + np.float32(0)).view(np.uint32)
    is_negative = bits >> np.uint32(31) != 0
    return np.where(is_negative, bits, ~bits & np.uint32(0x7FFFFFFF)).astype(np.uint64)


def _at_least_k(scores: np.ndarray, k: int, chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """(flat positions, rising, that hold the k largest of each row and few others; where each row's start).

    The k-th largest of the maxima of disjoint chunks is no larger than the k-th largest score, and close to
    it. Where a row is mostly one value (a source that knows a few items) numpy's argpartition takes ten
    times as long as this, and which of equals it keeps is chance.
    """
    n_rows, n_columns = scores.shape
    width = n_columns // chunks
    maxima = scores[:, : width * chunks].reshape(n_rows, width, chunks).max(axis=1)
    bound = np.partition(maxima, chunks - k, axis=1)[:, chunks - k]
    kept = scores > bound[:, None]
    ends = n_columns * np.arange(n_rows + 1)
    at = np.flatnonzero(kept)
    starts = np.searchsorted(at, ends)
    n_kept = np.diff(starts)
    short = np.flatnonzero(n_kept < k)
    if len(short):
        for row in short.tolist():
            # Then the bound itself is the k-th largest: the first of those equal to it fill the row.
            kept[row, np.flatnonzero(scores[row] == bound[row])[: k - n_kept[row]]] = True
        at = np.flatnonzero(kept)
        starts = np.searchsorted(at, ends)
    return at, starts
