import numpy as np
import pytest

from include.config.consumed import Consumed
from include.interactions.catalogue import make_catalogue
from include.interactions.histories import histories_from_pairs
from include.ranking.rules import Rules, allowed_items, boosts, open_items

CATALOGUE = make_catalogue(
    np.array(["a", "b", "c", "d"]),
    category=np.array(["x", "x", "y", ""]),
    is_available=np.array([True, True, True, False]),
)
# The user took a today, b 40 days ago, and gave c back.
HISTORIES = histories_from_pairs([0, 0, 0], [0, 1, 2], [1, 1, -1], [0, 40, 5], n_users=1, n_items=4)


def test_open_items_are_available_and_not_blocked():
    assert open_items(CATALOGUE, Rules()).tolist() == [True, True, True, False]
    assert open_items(CATALOGUE, Rules(block_items=("b",))).tolist() == [True, False, True, False]
    assert open_items(CATALOGUE, Rules(block_categories=("x",))).tolist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("consumed", "expected"),
    [
        (Consumed("exclude"), [False, False, False, False]),
        (Consumed("allow"), [True, True, True, False]),
        (Consumed("after", 30), [False, True, False, False]),
        (Consumed("after", 3), [False, True, True, False]),
    ],
)
def test_consumed_rules(consumed, expected):
    assert allowed_items(HISTORIES, open_items(CATALOGUE, Rules()), consumed)[0].tolist() == expected


def test_boosts_are_logs_of_the_factors_and_multiply():
    rules = Rules(boost_items={"a": 2.0}, boost_categories={"x": 3.0})
    np.testing.assert_allclose(boosts(CATALOGUE, rules), np.log([6, 3, 1, 1]), rtol=1e-6)
    assert boosts(CATALOGUE, Rules()) is None
