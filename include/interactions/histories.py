"""What a block of users did, as of one instant: the only input a source scores from.

Nightly, refresh, evaluation and benchmark all build these rows and call the same functions on them,
so a list cannot depend on which of the four asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from include.errors import DataError
from include.interactions.decay import decay
from include.interactions.interactions import SECONDS_PER_DAY, Interactions

NO_SEGMENT = -1


@dataclass(frozen=True)
class Histories:
    """Interactions of n_users users with n_items items; the row order is the caller's.

    weights:   CSR float32 (n_users, n_items), confidence > 0: event weight x half-life decay, summed.
    age_days:  float32 (nnz,), aligned with weights.data: days from the pair's last event to as_of.
    counts:    int32 (nnz,), aligned with weights.data: events of the pair.
    consumed:  CSR float32 (n_users, n_items) whose *stored entries* are the consumed pairs and whose
               values are days since then (0 is a valid value, so read indptr/indices, not values).
               Holds more than the support of weights where interest was taken back (a return).
    segments:  int32 (n_users,), position in TrainingData.segment_names, NO_SEGMENT where unknown.
    """

    weights: sp.csr_matrix
    age_days: np.ndarray
    counts: np.ndarray
    consumed: sp.csr_matrix
    segments: np.ndarray

    @property
    def n_users(self) -> int:
        return self.weights.shape[0]

    @property
    def n_items(self) -> int:
        return self.weights.shape[1]

    def lengths(self) -> np.ndarray:
        """int64 (n_users,): distinct items in each history."""
        return np.diff(self.weights.indptr)

    @cached_property
    def newness(self) -> np.ndarray:
        """int64 (nnz,), aligned with weights.data: 0 for the newest item of each history, 1 for the next …;
        ties go to the lower item index."""
        users = np.repeat(np.arange(self.n_users), self.lengths())
        order = np.lexsort((self.weights.indices, self.age_days, users))
        rank = np.empty(len(users), dtype=np.int64)
        rank[order] = np.arange(len(users)) - self.weights.indptr[users[order]]
        return rank

    def row(self, row: int) -> slice:
        """Where the row's pairs lie in weights.data, weights.indices, age_days and counts."""
        return slice(self.weights.indptr[row], self.weights.indptr[row + 1])

    def block(self, start: int, stop: int) -> Histories:
        """Rows start..stop."""
        low, high = self.weights.indptr[start], self.weights.indptr[stop]
        return Histories(
            self.weights[start:stop],
            self.age_days[low:high],
            self.counts[low:high],
            self.consumed[start:stop],
            self.segments[start:stop],
        )

    def rows(self, rows: np.ndarray) -> Histories:
        """The given rows, in the given order."""
        positions = _positions(self.weights.indptr, rows)
        return Histories(
            self.weights[rows],
            self.age_days[positions],
            self.counts[positions],
            self.consumed[rows],
            self.segments[rows],
        )

    def values(self, power: float = 1.0, half_life_days: float | None = None) -> np.ndarray:
        """float32 (nnz,): weight^power, halved again every half_life_days of age (None: not at all).

        power 0 makes every pair count alike, 1 keeps the confidence as it is.
        """
        data = np.power(self.weights.data, np.float32(power))
        return (data * decay(self.age_days, half_life_days)).astype(np.float32, copy=False)

    def matrix(self, power: float = 1.0, half_life_days: float | None = None) -> sp.csr_matrix:
        """`values` as a CSR matrix of the same support."""
        return sp.csr_matrix(
            (self.values(power, half_life_days), self.weights.indices, self.weights.indptr),
            self.weights.shape,
        )

    def with_items(self, n_items: int) -> Histories:
        """The same pairs against a catalogue that has grown to, or is cut back to, n_items columns."""
        if n_items == self.n_items:
            return self
        if n_items > self.n_items:
            return replace(
                self, weights=_widened(self.weights, n_items), consumed=_widened(self.consumed, n_items)
            )
        keep = self.weights.indices < n_items
        return replace(
            self,
            weights=self.weights[:, :n_items],
            age_days=self.age_days[keep],
            counts=self.counts[keep],
            consumed=self.consumed[:, :n_items],
        )


def histories_from_pairs(
    user_idx: np.ndarray,
    item_idx: np.ndarray,
    weight: np.ndarray,
    age_days: np.ndarray,
    counts: np.ndarray | None = None,
    *,
    n_users: int,
    n_items: int,
    segments: np.ndarray | None = None,
) -> Histories:
    """Histories from one row per (user, item), as `features.user_item` holds them.

    A pair with weight <= 0 is consumed but is no sign of interest.
    Raises DataError on an index out of range, a pair given twice, or a value that is not finite.
    """
    user_idx = np.asarray(user_idx, dtype=np.int64)
    item_idx = np.asarray(item_idx, dtype=np.int64)
    weight = np.asarray(weight, dtype=np.float32)
    age_days = np.maximum(np.asarray(age_days, dtype=np.float32), 0)
    counts = np.ones(len(user_idx), np.int32) if counts is None else np.asarray(counts, dtype=np.int32)
    for name, index, size in (("user_idx", user_idx, n_users), ("item_idx", item_idx, n_items)):
        if len(index) and (index.min() < 0 or index.max() >= size):
            raise DataError(f"histories: {name} spans {index.min()}..{index.max()}; expected 0..{size - 1}")
    if not (np.isfinite(weight).all() and np.isfinite(age_days).all()):
        raise DataError("histories: weight or age_days holds NaN or infinity; expected finite numbers")
    pair = user_idx * n_items + item_idx
    order = np.argsort(pair, kind="stable")
    if len(order) and (np.diff(pair[order]) == 0).any():
        raise DataError("histories: a (user, item) pair is given twice; aggregate events to pairs first")
    user_idx, item_idx = user_idx[order], item_idx[order]
    weight, age_days, counts = weight[order], age_days[order], counts[order]
    liked = weight > 0
    return Histories(
        _csr(user_idx[liked], item_idx[liked], weight[liked], n_users, n_items),
        age_days[liked],
        counts[liked],
        _csr(user_idx, item_idx, age_days, n_users, n_items),
        np.full(n_users, NO_SEGMENT, np.int32) if segments is None else np.asarray(segments, np.int32),
    )


def histories_from_events(
    events: Interactions,
    *,
    as_of: float,
    half_life_days: float | None,
    n_users: int,
    n_items: int,
    segments: np.ndarray | None = None,
) -> Histories:
    """Sum events to pairs: weight = Σ event weight x 2^(-age / half_life_days), age = the newest event's.

    as_of: epoch seconds; later events are left out, so no caller can leak the future by forgetting to filter.
    """
    events = events.where(events.event_at <= as_of)
    age_days = (as_of - events.event_at) / SECONDS_PER_DAY
    decayed = events.weight.astype(np.float64) * decay(age_days, half_life_days)
    pair = events.user_idx.astype(np.int64) * n_items + events.item_idx
    unique, inverse, counts = np.unique(pair, return_inverse=True, return_counts=True)
    newest = np.full(len(unique), np.inf)
    np.minimum.at(newest, inverse, age_days)
    return histories_from_pairs(
        unique // max(n_items, 1),
        unique % max(n_items, 1),
        np.bincount(inverse, weights=decayed, minlength=len(unique)),
        newest,
        counts,
        n_users=n_users,
        n_items=n_items,
        segments=segments,
    )


def _csr(
    user_idx: np.ndarray, item_idx: np.ndarray, data: np.ndarray, n_users: int, n_items: int
) -> sp.csr_matrix:
    indptr = np.zeros(n_users + 1, dtype=np.int64)
    np.cumsum(np.bincount(user_idx, minlength=n_users), out=indptr[1:])
    return sp.csr_matrix((data, item_idx.astype(np.int32), indptr), (n_users, n_items))


def _widened(matrix: sp.csr_matrix, n_items: int) -> sp.csr_matrix:
    return sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), (matrix.shape[0], n_items))


def _positions(indptr: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Positions of the given rows' entries in the data array, in row order."""
    starts, lengths = indptr[rows], indptr[np.asarray(rows) + 1] - indptr[rows]
    offsets = np.repeat(starts - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths)
    return offsets + np.arange(lengths.sum())
