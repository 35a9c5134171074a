import numpy as np
import pytest

from include.ranking.reach import BID, fewest_lists, learn_lifts, lift

# Everyone is shown 0 and 1 on two places; 2 nearly gets into A's list and 3 into B's.
ITEMS = np.array([[0, 1, 2, 3], [0, 1, 3, 2], [0, 1, 2, 3]])
SCORE = np.array([[4.0, 3, 2, 0], [4, 3, 2, 0], [4, 3, -2, -2]])
SPREAD_A = np.std([4, 3, 2, 0])


def first_two(items, score):
    return [set(row) for row in items[:, :2].tolist()]


def test_each_unseen_item_enters_the_list_it_misses_by_least():
    lifts = learn_lifts(ITEMS, SCORE, 4, reach=1.0, k=2)
    np.testing.assert_allclose(lifts, [0, 0, 1 / SPREAD_A + BID, 1 / SPREAD_A + BID], rtol=1e-6)
    items, score = lift(ITEMS, SCORE, lifts)
    assert first_two(items, score) == [{0, 2}, {0, 3}, {0, 1}]
    assert (np.diff(score, axis=1) <= 0).all()
    assert score[0, 1] == pytest.approx(2 + SPREAD_A * lifts[2])


def test_an_item_that_would_need_more_than_the_reach_stays():
    """2 and 3 need 0.73 spreads; a reach of 0.24 allows 0.72, one of 0.25 allows 0.75."""
    assert not learn_lifts(ITEMS, SCORE, 4, reach=0.24, k=2).any()
    assert learn_lifts(ITEMS, SCORE, 4, reach=0.25, k=2)[2:].all()
    assert not learn_lifts(ITEMS, SCORE, 4, reach=0.0, k=2).any()


def test_hidden_candidates_and_flat_rows_are_not_lifted():
    score = SCORE.copy()
    score[:, 3] = -np.inf
    score[2] = 1.0
    lifts = learn_lifts(ITEMS, score, 4, reach=1.0, k=2)
    assert lifts[2] == 0 or np.isfinite(lifts[2])
    items, lifted = lift(ITEMS, score, np.array([0, 0, 9.0, 9.0], np.float32))
    assert items[2].tolist() == ITEMS[2].tolist()
    assert np.isneginf(lifted[:2, 3]).all()


def test_items_that_the_model_never_saw_are_not_lifted():
    items, score = lift(ITEMS, SCORE, np.array([0, 0, 9.0], np.float32))
    assert items[0].tolist() == [2, 0, 1, 3]
    assert lift(ITEMS, SCORE, None)[0] is ITEMS


def test_the_least_is_a_twentieth_of_an_equal_share():
    assert fewest_lists(n_users=1000, n_items=100) == 5
    assert fewest_lists(n_users=10, n_items=1000) == 1


def test_an_auction_that_nobody_can_win_ends():
    """Five items for one place: all bid up to what the reach allows, and no further."""
    items = np.arange(5)[None, :]
    lifts = learn_lifts(items, np.array([[5.0, 4, 3, 2, 1]]), 5, reach=1.0, k=1)
    assert (lifts <= 3.0).all()
