"""Buy again: the user's own items, by how often, how lately, and how much such an item is bought again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import HalfLife, NotNegative, values
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import Contributions, history_parts
from include.retrieval.source import Relation, require


@values
class RepeatParams:
    half_life_days: HalfLife = 90.0
    """Of the pull of an own item; the search tries shorter ones and none."""

    prior_users: NotNegative = 10.0
    """Users at the average rate who are added to each item's own repeat rate."""


@dataclass(frozen=True)
class Repeat:
    """rate: float32 (n_items,): share of an item's users who took it more than once, shrunk."""

    name: ClassVar[str] = "repeat"
    params_type: ClassVar[type] = RepeatParams
    reason_with_evidence: ClassVar[str | None] = "you {verb} this before"
    reason_without: ClassVar[str] = "you {verb} this before"
    untuned_weight: ClassVar[float] = 0.5
    relation: ClassVar[Relation | None] = None
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[RepeatParams, ...]] = (
        RepeatParams(half_life_days=None),
        RepeatParams(half_life_days=90),
        RepeatParams(half_life_days=30),
    )
    wide_grid: ClassVar[tuple[RepeatParams, ...]] = ()

    rate: np.ndarray
    params: RepeatParams

    @classmethod
    def fit(cls, training: TrainingData, params: RepeatParams, seed: int) -> Self:
        histories = training.histories
        again = histories.counts > 1
        require(bool(again.any()), cls.name, "nobody took an item twice")
        items = histories.weights.indices
        n_users = np.bincount(items, minlength=training.n_items)
        n_again = np.bincount(items[again], minlength=training.n_items)
        average = n_again.sum() / n_users.sum()
        rate = (n_again + params.prior_users * average) / (n_users + params.prior_users)
        return cls(rate.astype(np.float32), params)

    def score(self, histories: Histories) -> np.ndarray:
        return self._own(histories).toarray().astype(np.float32, copy=False)

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> Contributions:
        pair, position = history_parts(histories, rows)
        is_own = histories.weights.indices[position] == items[pair]
        pair, position = pair[is_own], position[is_own]
        own = self._own(histories)
        return Contributions(pair, own.indices[position], own.data[position])

    def _own(self, histories: Histories) -> sp.csr_matrix:
        values = histories.values(0.0, self.params.half_life_days)
        data = self._pull(histories.weights.indices, histories.counts, values)
        return sp.csr_matrix(
            (data, histories.weights.indices, histories.weights.indptr), histories.weights.shape
        )

    def _pull(self, items: np.ndarray, counts: np.ndarray, recency: np.ndarray) -> np.ndarray:
        return (np.log1p(counts) * self.rate[items] * recency).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"rate": self.rate}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: RepeatParams) -> Self:
        return cls(arrays["rate"], params)
