"""Rank one block: the blend's best candidates, re-ordered by the learned ranker and lifted for reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from include.interactions.histories import Histories
from include.ranking.blend import top_k
from include.ranking.ranking_features import FeatureInputs, candidate_features
from include.ranking.reach import lift
from include.recommender.model import Recommender


@dataclass(frozen=True)
class Ranked:
    """Candidates of each row, best first.  items: int64 (n_users, n); score: float32, -inf where none."""

    items: np.ndarray
    score: np.ndarray


def blend_candidates(blended: np.ndarray, n: int) -> Ranked:
    """The n best of the blend."""
    items = top_k(blended, n)
    return Ranked(items, np.take_along_axis(blended, items, axis=1))


def features_of(
    recommender: Recommender, histories: Histories, scaled: np.ndarray, candidates: Ranked
) -> np.ndarray:
    """float32 (n_users, n_candidates, n_features).  scaled: (n_sources, n_users, n_items)."""
    rows = np.arange(len(candidates.items))[:, None]
    inputs = FeatureInputs(
        candidates.items,
        scaled[:, rows, candidates.items],
        np.where(np.isfinite(candidates.score), candidates.score, 0),
    )
    return candidate_features(inputs, histories, recommender.catalogue, recommender.statistics)


def rank(
    recommender: Recommender, histories: Histories, scaled: np.ndarray, blended: np.ndarray, n: int
) -> Ranked:
    """At least n candidates (fewer only where the catalogue is smaller), in final order of score."""
    ranker = recommender.ranker
    candidates = blend_candidates(blended, max(recommender.config.candidates, n))
    if ranker is None:
        return Ranked(*lift(candidates.items, candidates.score, recommender.lifts))
    score = ranker.order_scores(features_of(recommender, histories, scaled, candidates), candidates.score)
    if recommender.cold is not None:
        score = in_their_places(score, recommender.cold.among(candidates.items))
    order = np.argsort(-score, axis=1, kind="stable")
    items = np.take_along_axis(candidates.items, order, axis=1)
    return Ranked(*lift(items, np.take_along_axis(score, order, axis=1), recommender.lifts))


def in_their_places(score: np.ndarray, is_cold: np.ndarray) -> np.ndarray:
    """float32 (n_users, n): scores with which items without events keep the places that the blend gave them.

    score: of the candidates in the blend's order, best first, -inf where none.  is_cold: bool of that shape.
    The trees learned from items with events alone: to them, one without is an item that nobody wants.
    """
    if not is_cold.any():
        return score
    known = -np.sort(-np.where(is_cold, -np.inf, score), axis=1)
    n_above = np.minimum(np.cumsum(~is_cold, axis=1), score.shape[1] - 1)
    follows = np.take_along_axis(known, n_above, axis=1)
    # Behind all known ones: as far as the last of them; 0 where nothing is known.
    last = np.where(np.isfinite(known), known, np.inf).min(axis=1, keepdims=True)
    behind = np.where(np.isfinite(last), last, 0)
    at_place = np.where(np.isfinite(follows), np.nextafter(follows, np.float32(np.inf)), behind)
    return np.where(is_cold & np.isfinite(score), at_place, score).astype(np.float32)
