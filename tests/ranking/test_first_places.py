"""No item leads more lists than it may, and who gives way is who loses least by it."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from include.ranking.first_places import learn_handicaps, most_first_places
from include.ranking.reach import in_spreads, lift


def leads(items: np.ndarray, score: np.ndarray, n_items: int) -> np.ndarray:
    return np.bincount(items[np.arange(len(items)), score.argmax(axis=1)], minlength=n_items)


def test_the_leader_of_all_lists_keeps_those_where_it_is_furthest_ahead() -> None:
    """Item 0 leads all of 100 lists over one of 1 to 50, in the first by least."""
    items = np.stack([np.zeros(100, int), np.arange(100) % 50 + 1], axis=1)
    margin = np.linspace(0.1, 1.9, 100)
    value = np.stack([np.ones(100), 1 - margin], axis=1)
    handicaps = learn_handicaps(items, value, 51, share=0.1)
    assert np.flatnonzero(handicaps).tolist() == [0]
    assert leads(items, value - handicaps[items], 51)[0] == 10
    assert (items[np.arange(100), (value - handicaps[items]).argmax(axis=1)] == 0)[-10:].all()


def test_few_lists_or_few_items_are_not_bound_to_the_impossible() -> None:
    assert most_first_places(1000, 2, 0.1) == 1000
    assert most_first_places(1000, 500, 0.1) == 100
    items, value = np.array([[0, 1]] * 19), np.array([[1.0, 0]] * 19)
    assert not learn_handicaps(items, value, 2, 0.1).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from((0.05, 0.1, 0.3)))
def test_random_lists_keep_the_bound_as_they_are_ranked(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    n_users, n_items = 200, 60
    items = np.argsort(rng.random((n_users, n_items)), axis=1)[:, :20]
    score = rng.normal(size=(n_users, 20)) + 4 * (items < 2)
    handicaps = learn_handicaps(items, in_spreads(score)[0], n_items, share)
    best, ranked = lift(items, score.astype(np.float32), -handicaps)
    assert leads(best, ranked, n_items).max() <= most_first_places(n_users, n_items, share)
