from unittest import mock

import numpy as np
import pytest

from include.errors import ModelError
from include.interactions.histories import histories_from_pairs
from include.retrieval.als import Als, AlsParams


def test_fold_in_solves_equation_four_by_hand():
    """One factor: y = (1, 2), user took item 1 with weight 3, alpha 2: c = 7.
    x = c y1 / (y'y + λ + (c - 1) y1²) = 14 / (5 + 1 + 24)."""
    als = Als(np.array([[1.0], [2.0]], np.float32), AlsParams(factors=1, regularization=1, alpha=2, power=1))
    histories = histories_from_pairs([0], [1], [3.0], [0.0], n_users=2, n_items=2)
    np.testing.assert_allclose(als.user_factors(histories), [[14 / 30], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(als.score(histories)[0], [14 / 30, 28 / 30], rtol=1e-6)


def test_a_fold_in_is_equation_four():
    rng = np.random.default_rng(5)
    factors = rng.normal(size=(40, 24)).astype(np.float32)
    params = AlsParams(factors=24, regularization=0.5, alpha=2, power=1)
    user, item = np.nonzero(rng.random((6, 40)) < 0.5)
    weight = rng.uniform(0.5, 3, len(user))
    histories = histories_from_pairs(user, item, weight, np.zeros(len(user)), n_users=6, n_items=40)
    found = Als(factors, params).user_factors(histories)
    exact = factors.astype(np.float64)
    for row in range(6):
        likes = np.zeros(40)
        likes[item[user == row]] = weight[user == row]
        system = exact.T @ ((1 + 2 * likes)[:, None] * exact) + 0.5 * np.eye(24)
        right = exact.T @ np.where(likes > 0, 1 + 2 * likes, 0)
        np.testing.assert_allclose(found[row], np.linalg.solve(system, right), rtol=1e-3, atol=1e-4)


def test_weights_beyond_float32_are_folded_in_all_the_same():
    factors = np.random.default_rng(5).normal(size=(40, 24)).astype(np.float32)
    als = Als(factors, AlsParams(factors=24, regularization=0.01, alpha=40, power=1))
    items = np.arange(12)
    weight = np.full(12, 1e9)
    histories = histories_from_pairs(np.zeros(12), items, weight, np.zeros(12), n_users=1, n_items=40)
    with mock.patch.object(Als, "_solve_exactly", autospec=True, side_effect=Als._solve_exactly) as exactly:
        scores = als.score(histories)[0]
    assert exactly.called
    np.testing.assert_allclose(scores[:12], 1, atol=0.2)


def test_a_fold_in_without_solution_is_refused():
    als = Als(np.zeros((2, 1), np.float32), AlsParams(factors=1, regularization=0))
    histories = histories_from_pairs([0], [1], [3.0], [0.0], n_users=1, n_items=2)
    with pytest.raises(ModelError, match="als: .* no solution"):
        als.user_factors(histories)
