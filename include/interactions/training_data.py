"""Everything a model may learn from, as of one instant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse as sp

from include.errors import DataError
from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories, histories_from_events
from include.interactions.interactions import Interactions
from include.interactions.loud_pairs import weight_bound
from include.interactions.newcomers import pairs_outside_bursts


@dataclass(frozen=True)
class TrainingData:
    """Users, items and what happened between them up to as_of.

    user_ids:       str (n_users,); row order of histories.
    histories:      all users.
    catalogue:      all items; column order of histories.
    events:         the single events behind histories: splits and sequences are made from them.
    as_of:          epoch seconds.
    half_life_days: the decay inside histories.weights, needed to build them again at an earlier instant.
    segment_names:  what Histories.segments points to; empty where users have no attributes.
    seen_days:      float32 (n_users,), days since the lake first held an event of theirs, inf for those of
                    its first day, who were there before it; None where nobody knows.
    """

    user_ids: np.ndarray
    histories: Histories
    catalogue: Catalogue
    events: Interactions
    as_of: float
    half_life_days: float | None
    segment_names: tuple[str, ...] = ()
    seen_days: np.ndarray | None = None

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @property
    def n_items(self) -> int:
        return len(self.catalogue)

    @cached_property
    def without_loud_pairs(self) -> TrainingData:
        """No pair weighs more than few people reach; found once for all sources and trials."""
        bound = weight_bound(self.histories)
        weights = self.histories.weights
        if not (weights.data > bound).any():
            return self
        bounded = sp.csr_matrix(
            (np.minimum(weights.data, np.float32(bound)), weights.indices, weights.indptr), weights.shape
        )
        return replace(self, histories=replace(self.histories, weights=bounded))

    @cached_property
    def without_burst_pairs(self) -> TrainingData:
        """Without what accounts of the last days may not teach; found once for all sources and trials."""
        return _without_bursts(self)

    def learned_from(self, newcomers: str) -> TrainingData:
        """What sources and item statistics are made of.  newcomers: the domain file's `thin` or `all`."""
        bounded = self.without_loud_pairs
        return bounded if newcomers == "all" else bounded.without_burst_pairs

    def with_events(self, events: Interactions, as_of: float) -> TrainingData:
        """The same users and items, knowing only `events`, seen from `as_of`: the train side of a split."""
        histories = histories_from_events(
            events,
            as_of=as_of,
            half_life_days=self.half_life_days,
            n_users=self.n_users,
            n_items=self.n_items,
            segments=self.histories.segments,
        )
        return replace(self, histories=histories, events=events.where(events.event_at <= as_of), as_of=as_of)


def make_training_data(
    user_ids: np.ndarray,
    catalogue: Catalogue,
    events: Interactions,
    *,
    as_of: float,
    half_life_days: float | None = None,
    histories: Histories | None = None,
    segments: np.ndarray | None = None,
    segment_names: tuple[str, ...] = (),
    seen_days: np.ndarray | None = None,
) -> TrainingData:
    """Build histories from events, or take those that Spark built for the same as_of.

    Raises DataError where shapes do not fit together.
    """
    user_ids = np.asarray(user_ids, dtype=str)
    if histories is None:
        histories = histories_from_events(
            events,
            as_of=as_of,
            half_life_days=half_life_days,
            n_users=len(user_ids),
            n_items=len(catalogue),
            segments=segments,
        )
    elif segments is not None:
        histories = replace(histories, segments=np.asarray(segments, np.int32))
    if histories.weights.shape != (len(user_ids), len(catalogue)):
        raise DataError(
            f"training data: histories are {histories.weights.shape}; expected "
            f"({len(user_ids)}, {len(catalogue)}), one row for each user_id and one column for each item"
        )
    known = events.where(events.event_at <= as_of)
    return TrainingData(
        user_ids, histories, catalogue, known, as_of, half_life_days, segment_names, seen_days
    )


def _without_bursts(training: TrainingData) -> TrainingData:
    """The training data without the pairs that come in bursts, and without their events; consumed stays."""
    histories = training.histories
    is_kept = pairs_outside_bursts(histories, training.seen_days)
    if is_kept.all():
        return training
    users = np.repeat(np.arange(histories.n_users), histories.lengths())
    kept = np.concatenate(([0], np.cumsum(is_kept)))[histories.weights.indptr]
    weights = sp.csr_matrix(
        (histories.weights.data[is_kept], histories.weights.indices[is_kept], kept),
        histories.weights.shape,
    )
    thinned = replace(
        histories, weights=weights, age_days=histories.age_days[is_kept], counts=histories.counts[is_kept]
    )
    n_items = histories.n_items
    dropped = users[~is_kept].astype(np.int64) * n_items + histories.weights.indices[~is_kept]
    events = training.events
    is_dropped = np.isin(events.user_idx.astype(np.int64) * n_items + events.item_idx, dropped)
    return replace(training, histories=thinned, events=events.where(~is_dropped))
