"""What people are after: how much of their weight goes to each label, for long, lately, in this session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.config.understanding import Understanding
from include.interactions.decay import decay
from include.interactions.histories import Histories
from include.interactions.labels import Labels
from include.understanding.attribute_model import AttributeModel

MINUTES_PER_DAY = 24 * 60
# So many items of everyone's taste are added to a person's: three horror films make nobody a horror fan.
PRIOR_ITEMS = 3.0


@dataclass(frozen=True)
class Interests:
    """All float32 (n_users, n_labels): shares, 0..1, of a person's weight; an item has several labels.

    long: over the history, by its weights.  recent: weights halved again every recent_half_life_days before
    the person's last event.  session: the items of the latest session, alike.
    lift: long over everyone's, both with PRIOR_ITEMS of everyone's taste added; 1: like everybody.
    n_items, n_session: int64 (n_users,), items behind long and session.
    session_pairs: bool (nnz,), aligned with the histories' pairs: those of the latest session.
    """

    long: np.ndarray
    recent: np.ndarray
    session: np.ndarray
    lift: np.ndarray
    n_items: np.ndarray
    n_session: np.ndarray
    session_pairs: np.ndarray


def find_interests(
    histories: Histories, labels: Labels, model: AttributeModel, config: Understanding
) -> Interests:
    """labels: of the items that are the histories' columns."""
    users = np.repeat(np.arange(histories.n_users), histories.lengths())
    newest = np.full(histories.n_users, np.inf, np.float32)
    np.minimum.at(newest, users, histories.age_days)
    since_last = histories.age_days - newest[users]
    is_session = _is_latest_session(histories, users, config.session_gap_minutes / MINUTES_PER_DAY)
    weights = histories.weights.data
    long = _shares(histories, weights, labels)
    recent = _shares(histories, weights * decay(since_last, config.recent_half_life_days), labels)
    session = _shares(histories, is_session.astype(np.float32), labels)
    n_items = histories.lengths()
    n = n_items[:, None].astype(np.float32)
    smoothed = (n * long + PRIOR_ITEMS * model.base) / (n + PRIOR_ITEMS)
    lift = smoothed / np.maximum(model.base, 1e-6)
    n_session = np.bincount(users[is_session], minlength=histories.n_users)
    return Interests(long, recent, session, lift.astype(np.float32), n_items, n_session, is_session)


def everyones_interest(histories: Histories, labels: Labels) -> np.ndarray:
    """float32 (n_labels,): the mean of people's shares, each person counting alike; zeros without people."""
    has_items = histories.lengths() > 0
    if not has_items.any():
        return np.zeros(len(labels), np.float32)
    shares = _shared(histories, histories.weights.data)
    mean = np.asarray(shares.sum(axis=0)).ravel() / has_items.sum()
    return np.asarray(mean @ labels.of, dtype=np.float32).ravel()


def _shares(histories: Histories, values: np.ndarray, labels: Labels) -> np.ndarray:
    return np.asarray((_shared(histories, values) @ labels.of).toarray(), dtype=np.float32)


def _shared(histories: Histories, values: np.ndarray) -> sp.csr_matrix:
    """Rows that sum to 1, or to 0 where all values are 0."""
    matrix = sp.csr_matrix(
        (values, histories.weights.indices, histories.weights.indptr), histories.weights.shape
    )
    total = np.asarray(matrix.sum(axis=1)).ravel()
    return sp.csr_matrix(sp.diags_array(1 / np.where(total > 0, total, 1)) @ matrix)


def _is_latest_session(histories: Histories, users: np.ndarray, gap_days: float) -> np.ndarray:
    """bool (nnz,): from the newest pair backwards, up to the first pause longer than gap_days."""
    order = np.lexsort((histories.age_days, users))
    age, user = histories.age_days[order].astype(np.float64), users[order]
    is_first = np.diff(user, prepend=-1) != 0
    # Ages are float32 days: after ten years they are a quarter of a minute apart.
    is_pause = (np.diff(age, prepend=0) > gap_days) & ~is_first
    pauses = np.cumsum(is_pause)
    before = (
        pauses[np.maximum.accumulate(np.where(is_first, np.arange(len(order)), 0))] if len(order) else pauses
    )
    found = np.zeros(len(order), bool)
    found[order] = pauses == before
    return found
