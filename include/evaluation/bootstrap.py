"""How sure a mean over users is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_RESAMPLES = 1000
BLOCK_DRAWS = 1_000_000  # 8 MB of indices
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """mean of the values, and the percentile bootstrap interval of that mean at LEVEL."""

    mean: float
    low: float
    high: float


def bootstrap_interval(values: np.ndarray, seed: int, n_resamples: int = N_RESAMPLES) -> Interval:
    """values: float64 (n_users,), one a user, because a user's places are not independent draws.

    NaN in, NaN out; no values: all NaN.  Source: Efron & Tibshirani 1993, chapter 13.
    """
    if not len(values) or not np.isfinite(values).all():
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    means = np.empty(n_resamples)
    # A block of resamples at a time: one by one, Python's own steps cost more than the draws.
    step = max(1, BLOCK_DRAWS // len(values))
    for start in range(0, n_resamples, step):
        size = min(step, n_resamples - start)
        draws = rng.integers(0, len(values), (size, len(values)))
        means[start : start + size] = values[draws].mean(axis=1)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high))
