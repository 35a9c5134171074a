"""The order of one list by what the user touches right now: with the model, or with the lake alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from include.interactions.decay import decay
from include.ranking.standardise import standardised
from include.recommender.model import Recommender
from include.recommender.session_order import rerank_by_session

# Session items come without their times: a step is taken for a minute, about what a look at an item lasts.
MINUTES_A_STEP = 1.0


def step_ages(n: int) -> np.ndarray:
    """float64 (n,): minutes since each of n session items, newest last."""
    return np.arange(n - 1, -1, -1) * MINUTES_A_STEP


def order_by_model(
    recommender: Recommender,
    items: Sequence[str],
    score: np.ndarray,
    session_items: Sequence[str],
    *,
    half_life_minutes: float,
    strength: float,
) -> np.ndarray:
    """int64 (n,): positions in ``items`` in their new order.

    Items that the model does not know keep their place, unknown session items have no say.
    """
    order = np.arange(len(items))
    catalogue = recommender.catalogue
    item_idx = catalogue.index_of(np.array(items, dtype=str))
    session_idx = catalogue.index_of(np.array(session_items, dtype=str))
    known, touched = np.flatnonzero(item_idx >= 0), session_idx >= 0
    if not len(known) or not touched.any():
        return order
    order[known] = known[
        rerank_by_session(
            recommender,
            item_idx[known],
            score[known],
            session_idx[touched],
            step_ages(len(session_items))[touched],
            half_life_minutes=half_life_minutes,
            strength=strength,
        )
    ]
    return order


def order_by_neighbours(
    nearness: Mapping[str, float], items: Sequence[str], score: np.ndarray, *, strength: float
) -> np.ndarray:
    """The same without a model.  nearness: item -> how near the session it is, by `session_nearness`."""
    near = np.array([nearness.get(item, 0.0) for item in items])
    if not near.any():
        return np.arange(len(items))
    by_list, by_session = standardised(np.stack([score, near]), np.ones((2, len(near)), dtype=bool))
    return np.argsort(-((1 - strength) * by_list + strength * by_session), kind="stable")


def session_nearness(
    neighbours: Sequence[tuple[str, str, float]], session_items: Sequence[str], half_life_minutes: float
) -> dict[str, float]:
    """item -> sum over the session items of similarity × decay.

    neighbours: (item, similar item, similarity) rows of serving.similar_items.
    """
    weight: dict[str, float] = {}
    decays = decay(step_ages(len(session_items)), half_life_minutes)
    for item, decayed in zip(session_items, decays, strict=True):
        weight[item] = weight.get(item, 0.0) + float(decayed)
    nearness: dict[str, float] = {}
    for item, similar, similarity in neighbours:
        nearness[similar] = nearness.get(similar, 0.0) + weight[item] * similarity
    return nearness
