"""How much of the lists lies beyond the most popular items."""

from __future__ import annotations

import numpy as np


def long_tail_share(items: np.ndarray, n_users_of_item: np.ndarray, head_share: float = 0.2) -> float:
    """Share of filled places taken by items outside the most popular head_share of the catalogue."""
    shown = items[items >= 0]
    is_head = head_items(n_users_of_item, head_share)
    return float((~is_head[shown]).mean()) if len(shown) else 0.0


def lists_beyond_head(items: np.ndarray, n_users_of_item: np.ndarray, head_share: float = 0.01) -> float:
    """Share of non-empty lists with at least one item outside the most popular head_share."""
    is_head = head_items(n_users_of_item, head_share)
    is_filled = items >= 0
    beyond = (is_filled & ~is_head[np.where(is_filled, items, 0)]).any(axis=1)
    filled = is_filled.any(axis=1)
    return float(beyond[filled].mean()) if filled.any() else 0.0


def head_items(n_users_of_item: np.ndarray, head_share: float) -> np.ndarray:
    """bool (n_items,): the ceil(head_share x n_items) items with most users, ties by index."""
    n_head = int(np.ceil(head_share * len(n_users_of_item)))
    is_head = np.zeros(len(n_users_of_item), dtype=bool)
    is_head[np.argsort(-n_users_of_item, kind="stable")[:n_head]] = True
    return is_head
