"""How often one item comes first."""

from __future__ import annotations

import numpy as np


def first_share(items: np.ndarray) -> float:
    """Share of the lists that the item which leads most of them leads; 0 where no list has an item.

    items: int (n_users, k), best first, negative where empty.
    """
    first = items[:, 0] if items.shape[1] else np.empty(0, dtype=int)
    first = first[first >= 0]
    return float(np.bincount(first).max() / len(first)) if len(first) else 0.0
