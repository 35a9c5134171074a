"""How unevenly exposure is spread over the catalogue."""

from __future__ import annotations

import numpy as np


def gini(items: np.ndarray, n_items: int) -> float:
    """0: every item is shown equally often; towards 1: one item takes all places.

    items: int (n_users, k), negative where empty.  n_items: all items, those never shown count as 0.
    Source: Gini index of the Lorenz curve, Fleder & Hosanagar 2009, section 4.
    """
    shown = np.sort(np.bincount(items[items >= 0], minlength=n_items)).astype(np.float64)
    if shown.sum() == 0:
        return 0.0
    ranks = np.arange(1, n_items + 1)
    return float(((2 * ranks - n_items - 1) * shown).sum() / (n_items * shown.sum()))
