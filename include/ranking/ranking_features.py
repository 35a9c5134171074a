"""What the learned ranker sees of a (user, candidate) pair; one definition for training and for lists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories

LATEST_ITEMS = 5  # what "latest taste" means: the newest five items of a history
NEVER_DAYS = -1.0


@dataclass(frozen=True)
class ItemStatistics:
    """Per item of the fit, float32 (n_items,): distinct users, recency-weighted users, trend."""

    n_users: np.ndarray
    recent_users: np.ndarray
    trend: np.ndarray


@dataclass(frozen=True)
class FeatureInputs:
    """items: int (n_users, n_candidates).  scaled: float32 (n_sources, n_users, n_candidates), each source's
    normalised score of the candidate.  blended: float32 (n_users, n_candidates), best first."""

    items: np.ndarray
    scaled: np.ndarray
    blended: np.ndarray


def feature_names(source_names: tuple[str, ...], catalogue: Catalogue) -> tuple[str, ...]:
    """Column names of `candidate_features`, in order."""
    return (
        *(f"score_{name}" for name in source_names),
        "score_blend",
        "rank_blend",
        "item_users_log1p",
        "item_recent_share",
        "item_trend",
        "user_items_log1p",
        "user_idle_days",
        "user_mean_item_users_log1p",
        "own_events",
        "own_age_days",
        "similarity_latest",
        "category_share",
        *(f"{kind}_{name}" for name in sorted(catalogue.attributes) for kind in ("value", "distance")),
    )


def candidate_features(
    inputs: FeatureInputs, histories: Histories, catalogue: Catalogue, statistics: ItemStatistics
) -> np.ndarray:
    """float32 (n_users, n_candidates, n_features); NaN where unknown, which LightGBM takes as such."""
    items, shape = inputs.items, inputs.items.shape
    columns = list(inputs.scaled)
    columns.append(inputs.blended)
    columns.append(np.broadcast_to(np.arange(shape[1], dtype=np.float32), shape))
    columns += _item_columns(items, statistics, len(catalogue))
    columns += [np.broadcast_to(column[:, None], shape) for column in _user_columns(histories, statistics)]
    columns += _own_columns(items, histories)
    columns.append(_similarity_latest(items, histories, catalogue))
    columns.append(_category_share(items, histories, catalogue))
    for name in sorted(catalogue.attributes):
        columns += _attribute_columns(items, histories, catalogue.attributes[name])
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=2)


def _item_columns(items: np.ndarray, statistics: ItemStatistics, n_items: int) -> list[np.ndarray]:
    users, recent, trend = (
        np.pad(values, (0, n_items - len(values)))[items]
        for values in (statistics.n_users, statistics.recent_users, statistics.trend)
    )
    return [np.log1p(users), recent / np.maximum(users, 1), trend]


def _user_columns(histories: Histories, statistics: ItemStatistics) -> list[np.ndarray]:
    lengths = histories.lengths()
    users = np.pad(np.log1p(statistics.n_users), (0, max(0, histories.n_items - len(statistics.n_users))))
    binary = histories.matrix(0.0)
    idle = np.full(histories.n_users, np.nan, dtype=np.float32)
    has_history = np.flatnonzero(lengths > 0)
    if len(has_history):
        # reduceat takes the minimum between starts, so only rows that have entries may start one.
        idle[has_history] = np.minimum.reduceat(histories.age_days, histories.weights.indptr[has_history])
    mean_users = (binary @ users) / np.maximum(lengths, 1)
    return [np.log1p(lengths), idle, mean_users]


def _own_columns(items: np.ndarray, histories: Histories) -> list[np.ndarray]:
    rows = np.arange(len(items))[:, None]
    users = np.repeat(np.arange(histories.n_users), histories.lengths())
    events = np.zeros((histories.n_users, histories.n_items), dtype=np.float32)
    events[users, histories.weights.indices] = histories.counts
    ages = np.full((histories.n_users, histories.n_items), NEVER_DAYS, dtype=np.float32)
    ages[users, histories.weights.indices] = histories.age_days
    return [events[rows, items], ages[rows, items]]


def latest_items(histories: Histories, n: int) -> sp.csr_matrix:
    """CSR of ones at the n newest items of each history."""
    data = (histories.newness < n).astype(np.float32)
    return sp.csr_matrix((data, histories.weights.indices, histories.weights.indptr), histories.weights.shape)


def _similarity_latest(items: np.ndarray, histories: Histories, catalogue: Catalogue) -> np.ndarray:
    if catalogue.embeddings is None:
        return np.full(items.shape, np.nan, dtype=np.float32)
    norms = np.linalg.norm(catalogue.embeddings, axis=1, keepdims=True)
    unit = catalogue.embeddings / np.where(norms > 0, norms, 1)
    taste = latest_items(histories, LATEST_ITEMS) @ unit
    similarity = taste @ unit.T
    return np.take_along_axis(similarity, items, axis=1) / LATEST_ITEMS


def _category_share(items: np.ndarray, histories: Histories, catalogue: Catalogue) -> np.ndarray:
    names, codes = catalogue.categories()
    if not len(names):
        return np.full(items.shape, np.nan, dtype=np.float32)
    known = np.flatnonzero(codes >= 0)
    one_hot = sp.csr_matrix(
        (np.ones(len(known), np.float32), (known, codes[known])), (len(catalogue), len(names))
    )
    share = (histories.matrix(0.0) @ one_hot).toarray() / np.maximum(histories.lengths(), 1)[:, None]
    taken = share[np.arange(len(items))[:, None], np.maximum(codes[items], 0)]
    return np.where(codes[items] >= 0, taken, np.nan)


def _attribute_columns(items: np.ndarray, histories: Histories, values: np.ndarray) -> list[np.ndarray]:
    """The candidate's value, and how many catalogue spreads it lies from the mean of the user's items."""
    is_known = np.isfinite(values)
    spread = values[is_known].std() if is_known.any() else 1.0
    binary = histories.matrix(0.0)
    n_known = binary @ is_known.astype(np.float32)
    mean = (binary @ np.where(is_known, values, 0)) / np.where(n_known > 0, n_known, np.nan)
    return [values[items], (values[items] - mean[:, None]) / (spread if spread > 0 else 1.0)]
