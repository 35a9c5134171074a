"""Items nobody has touched yet borrow the scores of the items whose texts are nearest."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from include.ranking.blend import top_k
from include.recommender.model import Recommender


def cold_item_weights(recommender: Recommender) -> tuple[np.ndarray, sp.csr_matrix]:
    """(cold (n_cold,) item indices, guess CSR (n_items, n_cold)): blended[:, cold] += blended @ guess.

    A column holds the cosine of the cold item to its nearest known items, scaled to sum to
    config.cold_discount.  Empty without texts.
    """
    n_items = len(recommender.catalogue)
    users = np.zeros(n_items)
    users[: recommender.n_fitted] = recommender.statistics.n_users
    text = recommender.texts
    if text is None or recommender.config.cold_discount == 0:
        return np.zeros(0, np.int64), sp.csr_matrix((n_items, 0), dtype=np.float32)
    has_text = np.abs(text.embeddings).sum(axis=1) > 0
    cold = np.flatnonzero((users == 0) & has_text)
    known = np.flatnonzero((users > 0) & has_text)
    if not len(cold) or not len(known):
        return np.zeros(0, np.int64), sp.csr_matrix((n_items, 0), dtype=np.float32)
    similarity = text.embeddings[cold] @ text.embeddings[known].T
    nearest = top_k(similarity, recommender.config.cold_neighbours)
    weight = np.maximum(np.take_along_axis(similarity, nearest, axis=1), 0)
    weight *= recommender.config.cold_discount / np.maximum(weight.sum(axis=1, keepdims=True), 1e-6)
    columns = np.repeat(np.arange(len(cold)), nearest.shape[1])
    guess = sp.csr_matrix((weight.ravel(), (known[nearest].ravel(), columns)), (n_items, len(cold)))
    return cold, guess.astype(np.float32)
