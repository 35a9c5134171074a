"""Hand-worked values: two users, lists of three."""

import numpy as np
import pytest
import scipy.sparse as sp

from include.evaluation.evaluate import evaluate_lists, hits_of
from include.evaluation.metrics.average_precision import average_precision
from include.evaluation.metrics.coverage import coverage
from include.evaluation.metrics.f1 import f1
from include.evaluation.metrics.first_share import first_share
from include.evaluation.metrics.gini import gini
from include.evaluation.metrics.hit_rate import hit_rate
from include.evaluation.metrics.intra_list_diversity import intra_list_diversity
from include.evaluation.metrics.long_tail import lists_beyond_head, long_tail_share
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.metrics.novelty import novelty
from include.evaluation.metrics.precision import precision
from include.evaluation.metrics.recall import recall

ITEMS = np.array([[4, 0, 2], [1, 3, -1]])
RELEVANT = sp.csr_matrix(np.array([[1, 0, 0, 0, 1], [1, 0, 1, 0, 1]]))
HITS = np.array([[True, True, False], [False, False, False]])
N_RELEVANT = np.array([2, 3])


def test_hits_ignore_empty_places():
    np.testing.assert_array_equal(hits_of(ITEMS, RELEVANT), HITS)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (precision, [2 / 3, 0]),
        (recall, [1, 0]),
        (f1, [0.8, 0]),
        (average_precision, [1, 0]),
        (ndcg, [1, 0]),
        (hit_rate, [1, 0]),
    ],
)
def test_per_user_metrics(metric, expected):
    np.testing.assert_allclose(metric(HITS, N_RELEVANT), expected)


def test_later_hits_count_less():
    hits = np.array([[False, True, True]])
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    np.testing.assert_allclose(ndcg(hits, np.array([5])), [(1 / np.log2(3) + 1 / 2) / ideal])
    np.testing.assert_allclose(average_precision(hits, np.array([5])), [(1 / 2 + 2 / 3) / 5])


def test_list_health_by_hand():
    assert coverage(ITEMS, 10) == 0.5
    assert gini(np.array([[0, 1], [2, 3]]), 4) == 0
    assert gini(np.array([[0], [0]]), 4) == 0.75

    assert novelty(np.array([[0, 1]]), np.array([8, 2]), 8) == pytest.approx((0 + 2) / 2)
    users = np.array([9, 1, 1, 1, 1])
    assert long_tail_share(ITEMS, users, 0.2) == pytest.approx(4 / 5)
    assert lists_beyond_head(np.array([[0, -1], [0, 1]]), users, 0.01) == 0.5
    vectors = np.array([[1, 0], [0, 1], [1, 0]], dtype=float)
    assert intra_list_diversity(np.array([[0, 1], [0, 2]]), vectors) == pytest.approx(0.5)
    assert intra_list_diversity(np.array([[0, -1]]), vectors) == 0


def test_first_share_is_that_of_the_most_frequent_leader():
    assert first_share(np.array([[3, 1], [3, 2], [1, 3], [-1, -1]])) == 2 / 3
    assert first_share(np.array([[-1, -1]])) == 0


def test_evaluate_pads_short_lists_and_names_everything():
    result = evaluate_lists(ITEMS, RELEVANT)
    assert result.n_users == 2
    assert result.figures["precision@10"] == pytest.approx(0.1)
    assert result.figures["recall@50"] == pytest.approx(0.5)
    assert result.by_user["ndcg@10"].tolist() == [1.0, 0.0]


def test_nobody_to_judge_gives_no_figures():
    assert evaluate_lists(np.zeros((0, 10), int), sp.csr_matrix((0, 5))).figures == {}
