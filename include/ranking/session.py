"""Re-order a list by what the user touches right now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from include.ranking.blend import normalise
from include.recommender.lists import NO_ITEM
from include.recommender.model import Recommender
from include.recommender.neighbours import single_item_histories

SOURCES_OF_SESSION = ("covisitation", "text", "item_to_item")


def session_scores(
    recommender: Recommender,
    session_items: Sequence[int] | np.ndarray,
    age_minutes: Sequence[float] | np.ndarray,
    half_life_minutes: float,
) -> np.ndarray:
    """float32 (n_items,): mean over the session items, weighted, of each item's normalised score.

    An item touched half_life_minutes ago counts half of one touched now.  Unknown items: drop them before.
    """
    items = np.asarray(session_items, dtype=np.int64)
    weight = np.exp2(-np.maximum(np.asarray(age_minutes, dtype=np.float64), 0) / half_life_minutes)
    # One made-up history an item, weighted afterwards: a source may read a history without its weights.
    alone = single_item_histories(items, len(recommender.catalogue))
    total = np.zeros(len(recommender.catalogue), dtype=np.float32)
    used = [name for name in SOURCES_OF_SESSION if name in recommender.sources]
    for name in used:
        known = alone if name == "text" else alone.with_items(recommender.n_fitted)
        part = weight @ normalise(recommender.sources[name].score(known)) / (weight.sum() * len(used))
        total[: len(part)] += part.astype(np.float32)
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
