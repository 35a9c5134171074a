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
    if len(values) == 1:  # every resample is that value
        return Interval(*[float(values[0])] * 3)
    import scipy.stats  # takes most of a second, and a refresh never asks

    found = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=n_resamples,
        # A block of resamples at a time: all at once would hold n_resamples x n_users indices.
        batch=max(1, BLOCK_DRAWS // len(values)),
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Interval(float(values.mean()), float(found.low), float(found.high))
