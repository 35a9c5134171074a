"""What others took in the same session as the user's latest items."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import AtLeastOne, NotNegative, values
from include.interactions.histories import Histories
from include.interactions.interactions import SECONDS_PER_DAY
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import Contributions, by_column, matrix_contributions
from include.retrieval.item_item_matrix import dense_product, keep_strongest, pack_csr, unpack_csr
from include.retrieval.source import Relation, require

MINUTES_PER_DAY = 1440.0


@values
class CovisitationParams:
    window_minutes: NotNegative = 30.0
    """Two items are together when this close; the usual end of a session."""

    max_gap_events: AtLeastOne = 20
    """And at most this many events apart, so that bulk imports stay linear."""

    neighbours: AtLeastOne = 200
    """Items kept of each item."""

    shrinkage: NotNegative = 10.0
    """Co-occurrences that a pair of items needs before its similarity counts half."""

    last_items: AtLeastOne = 10
    """The newest items of a history, which speak for the session."""


@dataclass(frozen=True)
class Covisitation:
    """similarity: CSR float32 (n_items, n_items), symmetric before the cut to neighbours."""

    name: ClassVar[str] = "covisitation"
    params_type: ClassVar[type] = CovisitationParams
    reason_with_evidence: ClassVar[str | None] = "often taken together with {title}"
    reason_without: ClassVar[str] = "often taken together with your latest"
    untuned_weight: ClassVar[float] = 0.2
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = True
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[CovisitationParams, ...]] = (
        CovisitationParams(last_items=10),
        CovisitationParams(last_items=1000, max_gap_events=40),
    )
    wide_grid: ClassVar[tuple[CovisitationParams, ...]] = (
        CovisitationParams(last_items=3),
        CovisitationParams(window_minutes=24 * 60, max_gap_events=40, last_items=1000),
    )

    similarity: sp.csr_matrix
    params: CovisitationParams

    @classmethod
    def fit(cls, training: TrainingData, params: CovisitationParams, seed: int) -> Self:
        together = count_together(training, params.window_minutes, params.max_gap_events)
        require(
            together.nnz > 0, cls.name, f"no two items within {params.window_minutes:g} minutes of a user"
        )
        users = np.maximum(np.asarray(together.sum(axis=0)).ravel(), 1.0)
        counts = together.tocoo()
        value = counts.data / np.sqrt(users[counts.row] * users[counts.col])
        value *= counts.data / (counts.data + params.shrinkage)
        similarity = sp.csr_matrix((value.astype(np.float32), (counts.row, counts.col)), together.shape)
        return cls(keep_strongest(similarity, params.neighbours), params)

    def score(self, histories: Histories) -> np.ndarray:
        weights = histories.weights
        parts = (self._session(histories), weights.indices, weights.indptr)
        # A copy, since the histories own two of them. Ten items of a long history speak: the others need not
        # be multiplied by zero.
        session = sp.csr_matrix(parts, weights.shape, copy=True)
        session.eliminate_zeros()
        # A few items of each history: the dense matrix, where there is one, takes half the time of a block.
        is_dense = histories.n_users > 1 and isinstance(self._by_column, np.ndarray)
        return dense_product(session, self._by_column if is_dense else self.similarity)

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> Contributions:
        return matrix_contributions(histories, self._session(histories), self._by_column, rows, items)

    @cached_property
    def _by_column(self) -> sp.csc_matrix | np.ndarray:
        return by_column(self.similarity)

    def _session(self, histories: Histories) -> np.ndarray:
        """float32 (nnz,): 1, 1/2, 1/3 … for the newest, second newest … item, 0 beyond last_items."""
        rank = histories.newness
        return np.where(rank < self.params.last_items, 1 / (1.0 + rank), 0).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        return pack_csr(self.similarity)

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: CovisitationParams) -> Self:
        return cls(unpack_csr(arrays), params)


def count_together(training: TrainingData, window_minutes: float, max_gap_events: int) -> sp.csr_matrix:
    """Symmetric float32 (n_items, n_items): how often two items lie close in one user's sequence."""
    events = training.events.where(training.events.weight > 0)
    order = np.lexsort((events.item_idx, events.event_at, events.user_idx))
    users, items, times = events.user_idx[order], events.item_idx[order], events.event_at[order]
    window = window_minutes / MINUTES_PER_DAY * SECONDS_PER_DAY
    total = sp.csr_matrix((training.n_items, training.n_items), dtype=np.float32)
    for gap in range(1, max_gap_events + 1):
        near = (users[:-gap] == users[gap:]) & (times[gap:] - times[:-gap] <= window)
        near &= items[:-gap] != items[gap:]
        if not near.any():
            break
        pairs = (np.ones(int(near.sum()), np.float32), (items[:-gap][near], items[gap:][near]))
        total = total + sp.csr_matrix(pairs, total.shape)
    return sp.csr_matrix(total + total.T)
