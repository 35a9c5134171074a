"""Splits of what is known into what a model may see and what it is judged by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.config.consumed import Consumed
from include.interactions.histories import Histories
from include.interactions.interactions import Interactions
from include.interactions.training_data import TrainingData
from include.ranking.rules import allowed_items


@dataclass(frozen=True)
class Split:
    """train: all that may be learned from.  users: int (n_judged,) rows of train.histories that judge.
    relevant: CSR bool (n_judged, n_items), what those users took afterwards and could have been shown.
    cutoff: epoch seconds, NaN for a split that is not by time."""

    train: TrainingData
    users: np.ndarray
    relevant: sp.csr_matrix
    cutoff: float

    @property
    def histories(self) -> Histories:
        return self.train.histories.rows(self.users)

    @property
    def n_relevant(self) -> np.ndarray:
        return np.diff(self.relevant.indptr)


def time_split(
    training: TrainingData,
    holdout_share: float,
    consumed: Consumed,
    *,
    max_users: int | None = None,
    seed: int = 0,
) -> Split:
    """One instant for everyone: the newest holdout_share of events judges what is learned from the rest.

    A split per user would let the model see other users' futures (Ji et al. 2023), so there is none here.
    Only users with a history before the cutoff judge; others get the same popular list.
    The judged set may be empty (all timestamps equal, nobody came back): callers must look at len(users).
    """
    times = np.sort(training.events.event_at)
    if not len(times):
        return judged_split(training, training.events, consumed, np.nan, max_users, seed)
    position = min(int(np.floor((1 - holdout_share) * len(times))), len(times) - 1)
    cutoff = float(times[position])
    # Strictly before: events of one instant are never on both sides.
    before = training.events.event_at < cutoff
    as_of = float(times[np.searchsorted(times, cutoff) - 1]) if before.any() else cutoff
    train = training.with_events(training.events.where(before), as_of)
    after = training.events.where(~before)
    return judged_split(train, after, consumed, cutoff, max_users, seed)


def random_split(
    training: TrainingData,
    holdout_share: float,
    consumed: Consumed,
    *,
    max_users: int | None = None,
    seed: int = 0,
) -> Split:
    """Random events judge what is learned from the rest: for tuning where time offers no judges.

    Not for a gate: the model sees what happened after the held-out events.
    """
    is_held = np.random.default_rng(seed).random(len(training.events)) < holdout_share
    train = training.with_events(training.events.where(~is_held), training.as_of)
    return judged_split(train, training.events.where(is_held), consumed, np.nan, max_users, seed)


def judged_split(
    train: TrainingData,
    test: Interactions,
    consumed: Consumed,
    cutoff: float,
    max_users: int | None = None,
    seed: int = 0,
) -> Split:
    """A Split from a train side and the events that judge it."""
    n_items = train.n_items
    taken = test.where(test.weight > 0)
    users = np.unique(taken.user_idx)
    users = users[train.histories.lengths()[users] > 0]
    pairs = (np.ones(len(taken), dtype=np.float32), (taken.user_idx, taken.item_idx))
    relevant = sp.csr_matrix(pairs, (train.n_users, n_items))[users]
    allowed = allowed_items(train.histories.rows(users), train.catalogue.is_available, consumed)
    relevant = sp.csr_matrix(relevant.multiply(allowed) > 0)
    is_judged = np.diff(relevant.indptr) > 0
    if max_users is not None and is_judged.sum() > max_users:
        kept = np.random.default_rng(seed).choice(np.flatnonzero(is_judged), max_users, replace=False)
        is_judged = np.zeros(len(users), dtype=bool)
        is_judged[kept] = True
    relevant = relevant[is_judged]
    relevant.sort_indices()
    return Split(train, users[is_judged], relevant, cutoff)
