"""How unexpected the shown items are: mean self-information of their popularity."""

from __future__ import annotations

import numpy as np


def novelty(items: np.ndarray, n_users_of_item: np.ndarray, n_users: int) -> float:
    """Mean of -log2(share of users who had the item), in bits, over all filled places.

    n_users_of_item: (n_items,).  An item nobody had counts as had by one.  Source: Zhou et al. 2010.
    """
    shown = items[items >= 0]
    if not len(shown):
        return 0.0
    share = np.clip(n_users_of_item[shown], 1, None) / max(n_users, 1)
    return float(-np.log2(np.minimum(share, 1)).mean())
