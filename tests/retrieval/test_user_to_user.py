"""User neighbours, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from include.interactions.catalogue import make_catalogue
from include.interactions.histories import Histories, histories_from_pairs
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import TrainingData, make_training_data
from include.retrieval.user_to_user import UserToUser, UserToUserParams


def people(pairs: list[tuple[int, int, float]], n_users: int, n_items: int) -> TrainingData:
    """Training data from (user, item, age in days)."""
    users, items, ages = (np.array(column) for column in zip(*pairs, strict=True))
    times = 1_000_000_000 - ages * SECONDS_PER_DAY
    catalogue = make_catalogue(np.array([f"i{n}" for n in range(n_items)]))
    events = make_interactions(users, items, times, np.ones(len(users)))
    user_ids = np.array([f"u{n}" for n in range(n_users)])
    return make_training_data(user_ids, catalogue, events, as_of=1_000_000_000)


def one_person(items: list[int], ages: list[float], n_items: int) -> Histories:
    n = len(items)
    return histories_from_pairs(
        np.zeros(n, int), np.array(items), np.ones(n), np.array(ages), n_users=1, n_items=n_items
    )


def test_scores_are_cosine_times_what_neighbours_hold():
    # 0 holds items 0 and 1; 1 holds 1 and 2; 2 holds 3 alone.  Somebody new took item 0.
    training = people([(0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 2, 0), (2, 3, 0)], 3, 4)
    source = UserToUser.fit(training, UserToUserParams(half_life_days=None), 1)
    scores = source.score(one_person([0], [0], 4))
    # Cosine to 0 is 1/sqrt(2), who holds items 0 and 1.
    np.testing.assert_allclose(scores, [[0.5**0.5, 0.5**0.5, 0, 0]], atol=1e-6)
    sharp = UserToUser.fit(training, UserToUserParams(half_life_days=None, sharpness=2), 1)
    np.testing.assert_allclose(sharp.score(one_person([0], [0], 4)), [[0.5, 0.5, 0, 0]], atol=1e-6)


def test_age_decays_on_both_sides():
    # Person 0 took item 1 today and item 0 ten days ago, person 1 the other way about with item 2.
    training = people([(0, 0, 10), (0, 1, 0), (1, 0, 0), (1, 2, 10)], 2, 3)
    params = UserToUserParams(half_life_days=10)
    scores = UserToUser.fit(training, params, 1).score(one_person([0], [10], 3))[0]
    row = np.hypot(0.5, 1)  # both rows hold 0.5 and 1
    cosines = 0.5 / row, 1 / row
    expected = [0.5 * cosines[0] + 1 * cosines[1], 1 * cosines[0], 0.5 * cosines[1]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_only_the_nearest_speak():
    training = people([(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 2, 0), (1, 3, 0)], 2, 4)
    one = UserToUser.fit(training, UserToUserParams(neighbours=1, half_life_days=None), 1)
    scores = one.score(one_person([0], [0], 4))[0]
    assert scores[1] > 0
    assert scores[2] == scores[3] == 0


@pytest.mark.parametrize("most", [1, 5, 7])
def test_more_people_than_asked_for_are_drawn_by_the_seed(most):
    training = people([(user, user % 3, 0) for user in range(6)], 6, 3)
    params = UserToUserParams(max_people=most)
    first, again = UserToUser.fit(training, params, 3), UserToUser.fit(training, params, 3)
    assert first.people.shape == (min(most, 6), 3)
    assert (first.people != again.people).nnz == 0
