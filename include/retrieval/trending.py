"""What is taken more in the newest window than its own past would make one expect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from include.config.section import NotNegative, values
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.source import Relation, require


@values
class TrendingParams:
    window_days: NotNegative = 7.0
    """The newest days, held against all that came before."""

    prior_users: NotNegative = 5.0
    """Users of an average week added to both sides, so that three clicks are no trend."""


@dataclass(frozen=True)
class Trending:
    """scores: float32 (n_items,)."""

    name: ClassVar[str] = "trending"
    params_type: ClassVar[type] = TrendingParams
    reason_with_evidence: ClassVar[str | None] = None
    reason_without: ClassVar[str] = "trending right now"
    untuned_weight: ClassVar[float] = 0.1
    relation: ClassVar[Relation | None] = None
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = False
    grid: ClassVar[tuple[TrendingParams, ...]] = (TrendingParams(),)
    wide_grid: ClassVar[tuple[TrendingParams, ...]] = (
        TrendingParams(window_days=3),
        TrendingParams(window_days=14),
        TrendingParams(prior_users=20),
    )

    scores: np.ndarray
    params: TrendingParams

    @classmethod
    def fit(cls, training: TrainingData, params: TrendingParams, seed: int) -> Self:
        ages = training.histories.age_days
        span_days = float(ages.max()) if len(ages) else 0.0
        require(
            span_days > 2 * params.window_days,
            cls.name,
            f"events span {span_days:.1f} days; needs two windows of {params.window_days:g} days",
        )
        return cls(trend(training.histories, params.window_days, params.prior_users), params)

    def score(self, histories: Histories) -> np.ndarray:
        return np.broadcast_to(self.scores, (histories.n_users, len(self.scores)))

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> None:
        return None

    def arrays(self) -> dict[str, np.ndarray]:
        return {"scores": self.scores}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: TrendingParams) -> Self:
        return cls(arrays["scores"], params)


def trend(histories: Histories, window_days: float, prior_users: float) -> np.ndarray:
    """float32 (n_items,): sqrt(users in window) x log ratio of the window's rate to the earlier rate, >= 0.

    Rates are distinct users a window; prior_users is added to both.
    """
    items, ages = histories.weights.indices, histories.age_days
    n_items = histories.n_items
    recent = np.bincount(items[ages <= window_days], minlength=n_items)
    earlier_windows = max((float(ages.max()) - window_days) / window_days, 1.0) if len(ages) else 1.0
    earlier = np.bincount(items[ages > window_days], minlength=n_items) / earlier_windows
    growth = np.log((recent + prior_users) / (earlier + prior_users))
    return (np.sqrt(recent) * np.maximum(growth, 0)).astype(np.float32)
