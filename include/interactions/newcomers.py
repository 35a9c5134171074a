"""Which pairs of new accounts may be learned from: no item gets from them more than twice its due of support.

Made-up accounts that push an item are young and agree on it; newcomers at large take what everybody takes.
Only the training data is thinned: a newcomer's own list is made of the whole history, and once the accounts
have aged, all of it counts.  Of ten accounts that push one film among MovieLens-100K's 943 users, one counts
(docs/quality.md).
"""

from __future__ import annotations

import numpy as np

from include.interactions.histories import Histories

NEWCOMER_DAYS = 7.0
TIMES_DUE = 2.0


def pairs_outside_bursts(histories: Histories, seen_days: np.ndarray | None = None) -> np.ndarray:
    """bool (nnz,), aligned with weights.data: pairs that may be learned from.

    A newcomer's oldest pair is at most NEWCOMER_DAYS old, or we have known the account for no longer,
    whatever its events say (seen_days, float32 (n_users,); None: nobody knows).  An item's due is the share
    of regulars who ever took it, or of those regulars who were active since who took it since, whichever is
    more, times the number of newcomers; it keeps TIMES_DUE of that, at least one, the oldest first. All stay
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
    if seen_days is not None:
        is_new[has_history] |= seen_days[has_history] <= NEWCOMER_DAYS
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
