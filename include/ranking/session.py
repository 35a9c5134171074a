"""Re-order a list by what the user touches right now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from include.ranking.blend import normalise
from include.recommender.histories import histories_from_pairs
from include.recommender.lists import NO_ITEM
from include.recommender.model import Recommender

MINUTES_PER_DAY = 1440.0
SOURCES_OF_SESSION = ("covisitation", "text", "item_to_item")


def session_scores(
    recommender: Recommender,
    session_items: Sequence[int] | np.ndarray,
    age_minutes: Sequence[float] | np.ndarray,
    half_life_minutes: float,
) -> np.ndarray:
    """float32 (n_items,): mean normalised score of each item for a history of just these items.

    An item touched half_life_minutes ago counts half of one touched now.  Unknown items: drop them before.
    """
    items = np.asarray(session_items, dtype=np.int64)
    ages = np.maximum(np.asarray(age_minutes, dtype=np.float64), 0)
    unique, inverse = np.unique(items, return_inverse=True)
    weight = np.bincount(inverse, weights=np.exp2(-ages / half_life_minutes), minlength=len(unique))
    newest = np.full(len(unique), np.inf)
    np.minimum.at(newest, inverse, ages)
    n_items = len(recommender.catalogue)
    total = np.zeros(n_items, dtype=np.float32)
    history = histories_from_pairs(
        np.zeros(len(unique)), unique, weight, newest / MINUTES_PER_DAY, n_users=1, n_items=n_items
    )
    used = [name for name in SOURCES_OF_SESSION if name in recommender.sources]
    for name in used:
        known = history if name == "text" else history.with_items(recommender.n_fitted)
        part = normalise(recommender.sources[name].score(known))[0]
        total[: len(part)] += part / len(used)
    return total


def rerank_by_session(
    recommender: Recommender,
    item_idx: np.ndarray,
    score: np.ndarray,
    session_items: Sequence[int] | np.ndarray,
    age_minutes: Sequence[float] | np.ndarray,
    *,
    half_life_minutes: float,
    strength: float,
) -> np.ndarray:
    """int64 positions that put one user's list (item_idx, score: (n,)) into its session-aware order.

    strength 0 keeps the list's order, 1 follows the session alone.  Items are only moved, none is added,
    so every rule the list keeps still holds.  With an empty session the order stays.
    """
    filled = item_idx != NO_ITEM
    if strength <= 0 or not len(session_items) or not filled.any():
        return np.arange(len(item_idx))
    near = session_scores(recommender, session_items, age_minutes, half_life_minutes)[
        np.where(filled, item_idx, 0)
    ]
    mixed = (1 - strength) * _standardised(score, filled) + strength * _standardised(near, filled)
    return np.argsort(np.where(filled, -mixed, np.inf), kind="stable")


def _standardised(values: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Mean 0 and spread 1 over the filled places, so that both orders speak equally loud."""
    spread = values[filled].std()
    return (values - values[filled].mean()) / (spread if spread > 1e-9 else 1.0)
