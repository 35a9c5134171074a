"""Share of the catalogue that appears in anyone's list."""

from __future__ import annotations

import numpy as np


def coverage(items: np.ndarray, n_items: int) -> float:
    """items: int (n_users, k), negative where a place is empty.  n_items: open items of the catalogue."""
    return len(np.unique(items[items >= 0])) / max(n_items, 1)
