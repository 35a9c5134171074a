import numpy as np
import pytest

from include.errors import ModelError
from include.recommender.histories import histories_from_pairs
from include.retrieval.als import Als, AlsParams


def test_fold_in_solves_equation_four_by_hand():
    """One factor: y = (1, 2), user took item 1 with weight 3, alpha 2: c = 7.
    x = c y1 / (y'y + λ + (c - 1) y1²) = 14 / (5 + 1 + 24)."""
    als = Als(np.array([[1.0], [2.0]], np.float32), AlsParams(factors=1, regularization=1, alpha=2, power=1))
    histories = histories_from_pairs([0], [1], [3.0], [0.0], n_users=2, n_items=2)
    np.testing.assert_allclose(als.user_factors(histories), [[14 / 30], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(als.score(histories)[0], [14 / 30, 28 / 30], rtol=1e-6)


def test_a_fold_in_without_solution_is_refused():
    als = Als(np.zeros((2, 1), np.float32), AlsParams(factors=1, regularization=0))
    histories = histories_from_pairs([0], [1], [3.0], [0.0], n_users=1, n_items=2)
    with pytest.raises(ModelError, match="als: no solution"):
        als.user_factors(histories)
