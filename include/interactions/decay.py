"""The decay of interest with age."""

from __future__ import annotations

import numpy as np


def decay(age: np.ndarray, half_life: float | None) -> np.ndarray:
    """2^(-age / half_life) in the type of ``age``, both in one unit; 1 where half_life is None: no decay."""
    return np.ones_like(age) if half_life is None else np.exp2(-age / age.dtype.type(half_life))
