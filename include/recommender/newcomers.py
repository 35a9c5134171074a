"""What accounts of the last days may teach: no item gets more of its support from them than twice its due.

Made-up accounts that push an item are young and agree on it; newcomers at large take what everybody takes.
Only what is learned from is thinned: a newcomer's own list is made of the whole history, and once the
accounts have aged, all of it counts.  Of ten accounts that push one film among MovieLens-100K's 943 users,
one is heard (docs/quality.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp

from include.recommender.histories import Histories

if TYPE_CHECKING:
    from include.recommender.config import ModelConfig
    from include.recommender.training import TrainingData

NEWCOMER_DAYS = 7.0
TIMES_DUE = 2.0


def learned_from(training: TrainingData, config: ModelConfig) -> TrainingData:
    """What sources and item statistics are made of, as the domain file has it."""
    return training if config.newcomers == "all" else training.heard


def heard_pairs(histories: Histories) -> np.ndarray:
    """bool (nnz,), aligned with weights.data: pairs that may be learned from.

    A newcomer's oldest pair is at most NEWCOMER_DAYS old.  An item's due is the share of regulars who ever
    took it, or of those regulars who were active since who took it since, whichever is more, times the
    number of newcomers; it keeps TIMES_DUE of that, at least one, the oldest first.  All pairs are heard
    where newcomers are as many as regulars: there is nobody to compare them with.
    """
    lengths = histories.lengths()
    everything = np.ones(histories.weights.nnz, dtype=bool)
    has_history = np.flatnonzero(lengths > 0)
    if not len(has_history):
        return everything
    starts = histories.weights.indptr[has_history]
    is_new, is_active = np.zeros(histories.n_users, bool), np.zeros(histories.n_users, bool)
    is_new[has_history] = np.maximum.reduceat(histories.age_days, starts) <= NEWCOMER_DAYS
    is_active[has_history] = np.minimum.reduceat(histories.age_days, starts) <= NEWCOMER_DAYS
    n_new, n_regular = int(is_new.sum()), int((~is_new)[has_history].sum())
    if n_new == 0 or n_new >= n_regular:
        return everything
    users, items = np.repeat(np.arange(histories.n_users), lengths), histories.weights.indices
    regular, since = ~is_new[users], histories.age_days <= NEWCOMER_DAYS
    ever = np.bincount(items[regular], minlength=histories.n_items) / n_regular
    n_active = max(int((is_active & ~is_new).sum()), 1)
    lately = np.bincount(items[regular & since], minlength=histories.n_items) / n_active
    due = np.maximum(1, np.floor(TIMES_DUE * n_new * np.maximum(ever, lately)))
    new = np.flatnonzero(~regular)
    order = new[np.lexsort((users[new], -histories.age_days[new], items[new]))]
    place = np.arange(len(order)) - np.searchsorted(items[order], items[order])
    everything[order[place >= due[items[order]]]] = False
    return everything


def thin_newcomers(training: TrainingData) -> TrainingData:
    """The training data without the pairs that are not heard, and without their events; consumed stays."""
    histories = training.histories
    is_heard = heard_pairs(histories)
    if is_heard.all():
        return training
    users = np.repeat(np.arange(histories.n_users), histories.lengths())
    kept = np.concatenate(([0], np.cumsum(is_heard)))[histories.weights.indptr]
    weights = sp.csr_matrix(
        (histories.weights.data[is_heard], histories.weights.indices[is_heard], kept),
        histories.weights.shape,
    )
    thinned = replace(
        histories, weights=weights, age_days=histories.age_days[is_heard], counts=histories.counts[is_heard]
    )
    n_items = histories.n_items
    dropped = users[~is_heard].astype(np.int64) * n_items + histories.weights.indices[~is_heard]
    events = training.events
    is_dropped = np.isin(events.user_idx.astype(np.int64) * n_items + events.item_idx, dropped)
    return replace(training, histories=thinned, events=events.where(~is_dropped))
