"""What many different people took lately, for everyone and within each user segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import HalfLife, NotNegative, values
from include.interactions.histories import NO_SEGMENT, Histories
from include.interactions.training_data import TrainingData
from include.retrieval.source import Relation, require


@values
class PopularParams:
    half_life_days: HalfLife = 30.0
    """After so many days a user's taking counts half; the search picks among several and none."""

    segment_shrinkage: NotNegative = 50.0
    """Users that a segment needs before its own taste counts half."""


@dataclass(frozen=True)
class Popular:
    """scores: float32 (1 + n_segments, n_items); row 0 is everyone, row s + 1 is segment s."""

    name: ClassVar[str] = "popular"
    params_type: ClassVar[type] = PopularParams
    reason_with_evidence: ClassVar[str | None] = None
    reason_without: ClassVar[str] = "popular right now"
    untuned_weight: ClassVar[float] = 0.1
    relation: ClassVar[Relation | None] = None
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = False
    grid: ClassVar[tuple[PopularParams, ...]] = (
        PopularParams(half_life_days=30),
        PopularParams(half_life_days=90),
        PopularParams(half_life_days=None),
        PopularParams(half_life_days=7),
        PopularParams(half_life_days=365),
    )
    wide_grid: ClassVar[tuple[PopularParams, ...]] = (
        PopularParams(half_life_days=1),
        PopularParams(half_life_days=180),
    )

    scores: np.ndarray
    params: PopularParams

    @classmethod
    def fit(cls, training: TrainingData, params: PopularParams, seed: int) -> Self:
        histories = training.histories
        require(histories.weights.nnz > 0, cls.name, "no interactions")
        n_segments = len(training.segment_names)
        overall = popularity(histories, params.half_life_days)
        overall /= max(overall.max(), 1e-12)
        rows = [overall]
        for segment in range(n_segments):
            members = np.flatnonzero(histories.segments == segment)
            own = popularity(histories.rows(members), params.half_life_days)
            own /= max(own.max(), 1e-12)
            trust = len(members) / (len(members) + params.segment_shrinkage)
            rows.append(trust * own + (1 - trust) * overall)
        return cls(np.array(rows, dtype=np.float32), params)

    def score(self, histories: Histories) -> np.ndarray:
        segments = histories.segments
        known = (segments != NO_SEGMENT) & (segments < len(self.scores) - 1)
        return self.scores[np.where(known, segments + 1, 0)]

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> None:
        return None

    def arrays(self) -> dict[str, np.ndarray]:
        return {"scores": self.scores}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: PopularParams) -> Self:
        return cls(arrays["scores"], params)


def popularity(histories: Histories, half_life_days: float | None) -> np.ndarray:
    """float64 (n_items,): recency-weighted number of *distinct* users, so that one loud user counts once."""
    recency = histories.matrix(0.0, half_life_days)
    return np.asarray(sp.csr_matrix(recency, dtype=np.float64).sum(axis=0)).ravel()
