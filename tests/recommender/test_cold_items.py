"""What items without events borrow by their texts, and that the lists show it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import TrainingData, make_training_data
from include.recommender.build_lists import recommend
from include.recommender.cold_items import NOISE, PRECISION, find_cold_items
from include.recommender.model import Recommender
from include.recommender.model_config import ModelConfig, Tuning
from include.recommender.rank import in_their_places
from include.tuning.fit import fit_recommender

UP, RIGHT = (0.0, 1.0), (1.0, 0.0)
ORTHOGONAL = np.exp(-2 * PRECISION)


def weights(known: list[tuple[float, float]], cold: tuple[float, float], neighbours: int = 50) -> np.ndarray:
    vectors = np.array([*known, cold], dtype=np.float32)
    found = find_cold_items(vectors, np.array([*(3 for _ in known), 0]), neighbours)
    assert found is not None and found.items.tolist() == [len(known)]
    return found.guess.toarray()[:-1, 0]


def test_the_same_text_lends_its_score_but_for_the_noise():
    np.testing.assert_allclose(weights([UP], UP), [1 / (1 + NOISE)], rtol=1e-6)


def test_two_neighbours_that_say_the_same_count_once():
    """(1 + noise, 1; 1, 1 + noise) w = (1, 1)."""
    np.testing.assert_allclose(weights([UP, UP], UP), [1 / (2 + NOISE)] * 2, rtol=1e-6)


def test_a_far_text_lends_little():
    near, far = weights([UP, RIGHT], UP)
    system = np.array([[1 + NOISE, ORTHOGONAL], [ORTHOGONAL, 1 + NOISE]])
    np.testing.assert_allclose([near, far], np.linalg.solve(system, [1, ORTHOGONAL]), rtol=1e-6)
    assert near > 5 * abs(far)


def test_no_more_neighbours_are_asked_than_wanted():
    assert np.count_nonzero(weights([UP, RIGHT, RIGHT], UP, neighbours=1)) == 1


@pytest.mark.parametrize(
    ("vectors", "n_users"),
    [(None, [1, 0]), ([UP, RIGHT], [1, 1]), ([UP, RIGHT], [0, 0]), ([UP, (0.0, 0.0)], [1, 0])],
    ids=["no texts", "none is cold", "all are cold", "the cold one has no text"],
)
def test_nothing_is_borrowed(vectors, n_users):
    embeddings = None if vectors is None else np.array(vectors, np.float32)
    assert find_cold_items(embeddings, np.array(n_users), 5) is None


def test_a_cold_item_keeps_its_place_of_the_blend():
    """Blend's order a b C d; the trees like d most and C least: C stays third."""
    score = np.array([[1.0, 2.0, -9.0, 3.0]], np.float32)
    placed = in_their_places(score, np.array([[False, False, True, False]]))
    order = np.argsort(-placed, axis=1, kind="stable")[0]
    assert order.tolist().index(2) == 2
    assert placed[0, [0, 1, 3]].tolist() == [1, 2, 3]


def test_cold_items_behind_all_known_ones_stay_there():
    score = np.array([[1.0, -9.0, -np.inf]], np.float32)
    assert in_their_places(score, np.array([[False, True, True]])).tolist() == [[1, 1, -np.inf]]
    assert in_their_places(score, np.array([[True, True, True]])).tolist() == [[0, 0, -np.inf]]


N_TASTES, ITEMS_A_TASTE = 4, 15


def world() -> TrainingData:
    """People take 10 of the first 14 items of their taste; the last of each reads alike, and is new."""
    rng = np.random.default_rng(5)
    n_users = 120
    users = np.repeat(np.arange(n_users), 10)
    taste = np.arange(n_users) % N_TASTES
    items = np.concatenate([rng.permutation(ITEMS_A_TASTE - 1)[:10] * N_TASTES + of for of in taste])
    topic = np.arange(N_TASTES * ITEMS_A_TASTE) % N_TASTES
    vectors = np.eye(N_TASTES)[topic] + rng.normal(0, 0.1, (len(topic), N_TASTES))
    catalogue = make_catalogue(
        np.array([f"i{n:02}" for n in range(len(topic))]),
        embeddings=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
    )
    times = 1e9 + rng.uniform(0, 90 * SECONDS_PER_DAY, len(users))
    ids = np.array([f"u{n:03}" for n in range(n_users)])
    return make_training_data(ids, catalogue, make_interactions(users, items, times), as_of=times.max())


@pytest.fixture(scope="module")
def fitted() -> Recommender:
    return fit_recommender(world(), ModelConfig(list_size=10, tuning=Tuning(enabled=False)), 7)


def test_a_new_item_reaches_whom_its_text_is_for(fitted):
    lists = recommend(fitted, world().histories).item_idx
    newest = (ITEMS_A_TASTE - 1) * N_TASTES
    for taste in range(N_TASTES):
        gets = (lists[:, :5] == newest + taste).any(axis=1)
        assert gets[taste::N_TASTES].mean() > 0.9
        assert gets[(taste + 1) % N_TASTES :: N_TASTES].mean() < 0.1


def test_a_source_that_does_not_bring_it_is_no_hindrance(fitted):
    """The text source brings one item a person; the new one comes in all the same."""
    narrow = fitted.with_config(replace(fitted.config, source_size=1, list_size=5))
    lists = recommend(narrow, world().histories).item_idx
    newest = (ITEMS_A_TASTE - 1) * N_TASTES
    assert (lists[::N_TASTES] == newest).any(axis=1).mean() > 0.9


def test_discount_0_lends_nothing(fitted):
    without = recommend(fitted.with_config(replace(fitted.config, cold_discount=0)), world().histories)
    none = recommend(replace(fitted, cold=None), world().histories)
    np.testing.assert_array_equal(without.item_idx, none.item_idx)
