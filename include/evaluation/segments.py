"""Whether lists serve some groups of users worse than others."""

from __future__ import annotations

import numpy as np

MIN_USERS = 30  # a mean of nDCG@10 over fewer says little


def segment_means(
    values: np.ndarray, segments: np.ndarray, names: tuple[str, ...], min_users: int = MIN_USERS
) -> dict[str, float]:
    """Segment name -> mean of a per-user metric, for segments with at least min_users judged users.

    values: float64 (n_users,).  segments: int (n_users,), position in names, negative where unknown.
    """
    counts = np.bincount(segments[segments >= 0], minlength=len(names))
    return {
        name: float(values[segments == position].mean())
        for position, name in enumerate(names)
        if counts[position] >= min_users
    }


def largest_gap(means: dict[str, float]) -> float:
    """Best minus worst segment; 0 with fewer than two."""
    return max(means.values()) - min(means.values()) if len(means) > 1 else 0.0
