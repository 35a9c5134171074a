"""How different the items of one list are from each other."""

from __future__ import annotations

import numpy as np

BLOCK_USERS = 2048  # 10 places of 384 numbers each: 31 MB


def intra_list_diversity(items: np.ndarray, vectors: np.ndarray) -> float:
    """Mean of 1 - cosine over all pairs of a list, then over lists with two items or more.

    items: int (n_users, k), negative where empty.  vectors: float32 (n_items, d), unit rows (zero: no text).
    Source: Ziegler et al. 2005, section 3.3.
    """
    n_filled = (items >= 0).sum(axis=1)
    n_pairs = n_filled * (n_filled - 1) / 2
    has_pairs = n_pairs > 0
    if not has_pairs.any():
        return 0.0
    pairs = np.concatenate(
        [_pair_sums(items[at : at + BLOCK_USERS], vectors) for at in range(0, len(items), BLOCK_USERS)]
    )
    return float((1 - pairs[has_pairs] / n_pairs[has_pairs]).mean())


def _pair_sums(items: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """float (n_users,): Σ over pairs of a·b = (|Σ a|² - Σ |a|²) / 2, so no pair is formed."""
    rows = np.where((items >= 0)[:, :, None], vectors[items], 0)
    return ((rows.sum(axis=1) ** 2).sum(axis=1) - (rows**2).sum(axis=(1, 2))) / 2
