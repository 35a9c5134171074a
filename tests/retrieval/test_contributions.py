"""Which part of a score is told as the reason."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from include.interactions.catalogue import NO_ITEM
from include.interactions.histories import histories_from_pairs
from include.retrieval.contributions import Contributions, matrix_contributions
from tests.support.contributions import totals


def test_the_strongest_is_the_largest_positive_part_and_the_first_of_equals():
    parts = Contributions(
        pair=np.array([0, 0, 0, 1, 1, 3, 3]),
        item=np.array([7, 8, 9, 4, 5, 1, 2], dtype=np.int32),
        value=np.array([0.1, 0.5, 0.2, -1.0, 0.0, 0.3, 0.3], dtype=np.float32),
    )
    assert parts.strongest(5).tolist() == [8, NO_ITEM, NO_ITEM, 1, NO_ITEM]
    np.testing.assert_allclose(totals(parts, 5), [0.8, -1.0, 0, 0.6, 0], atol=1e-6)


def test_a_sparse_matrix_gives_the_parts_of_the_dense_one():
    rng = np.random.default_rng(3)
    dense = np.where(rng.random((8, 8)) < 0.4, rng.normal(size=(8, 8)), 0).astype(np.float32)
    user, item = np.nonzero(rng.random((5, 8)) < 0.5)
    n_pairs = len(user)
    histories = histories_from_pairs(user, item, np.ones(n_pairs), np.ones(n_pairs), n_users=5, n_items=8)
    weights = rng.random(histories.weights.nnz).astype(np.float32)
    rows, items = np.array([0, 0, 2, 4, 4]), np.array([1, 5, 5, 0, 7])
    by_row = matrix_contributions(histories, weights, dense, rows, items)
    by_column = matrix_contributions(histories, weights, sp.csc_matrix(dense), rows, items)
    np.testing.assert_allclose(totals(by_row, 5), totals(by_column, 5), rtol=1e-5)
    np.testing.assert_array_equal(by_row.strongest(5), by_column.strongest(5))
    assert (by_row.strongest(5) >= 0).any()
