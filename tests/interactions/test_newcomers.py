"""Newcomers' say by hand, and an attack by 1 % fake users from training to lists."""

from __future__ import annotations

import numpy as np
import pytest

from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.newcomers import pairs_outside_bursts
from include.interactions.training_data import TrainingData, make_training_data
from include.ranking.diversity import Diversity
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig, Tuning
from include.tuning.fit import fit_recommender

NOW = 100 * SECONDS_PER_DAY


def data(users, items, age_days, n_users, n_items, seen_days=None) -> TrainingData:
    events = make_interactions(users, items, NOW - np.asarray(age_days, float) * SECONDS_PER_DAY)
    ids = np.array([f"u{n}" for n in range(n_users)])
    catalogue = make_catalogue(np.array([f"i{n}" for n in range(n_items)]))
    return make_training_data(ids, catalogue, events, as_of=NOW, seen_days=seen_days)


def test_an_item_keeps_twice_its_due_of_newcomers_the_oldest_first():
    """Ten regulars: all had item 0, one had item 1, nobody had 2.  Four newcomers take all three.
    Due of 0: 2 x 4 x 1 = 8; of 1: 2 x 4 x 0.1 = 0.8, so one; of 2: one."""
    regulars = [(n, 0, 50) for n in range(10)] + [(0, 1, 50)]
    newcomers = [(10 + n, item, 1 + n) for n in range(4) for item in range(3)]
    users, items, ages = zip(*regulars, *newcomers, strict=True)
    training = data(users, items, ages, 14, 3)
    kept = pairs_outside_bursts(training.histories)
    # One row a user, items in order: newcomers 10 to 13 hold 0, 1, 2 each; 13's are the oldest.
    assert kept[-12:].reshape(4, 3).tolist() == [[True, False, False]] * 3 + [[True, True, True]]
    assert kept[:-12].all()
    thinned = training.without_burst_pairs
    assert thinned.histories.weights.nnz == len(thinned.events) == 11 + 6
    assert thinned.histories.consumed.nnz == training.histories.consumed.nnz


def test_what_regulars_take_lately_newcomers_may_take_as_well():
    """A new item: half of the two regulars who were here this week took it, 2 x 4 x 0.5 = 4 are kept."""
    regulars = [(n, 0, 50) for n in range(10)] + [(0, 1, 2), (1, 2, 2)]
    newcomers = [(10 + n, 1, 1) for n in range(4)]
    users, items, ages = zip(*regulars, *newcomers, strict=True)
    assert pairs_outside_bursts(data(users, items, ages, 14, 3).histories).all()


def test_whom_we_have_just_seen_is_new_whatever_the_events_say():
    """Four accounts of yesterday say that they took item 1 forty days ago, as one of ten regulars did."""
    regulars = [(n, 0, 50) for n in range(10)] + [(0, 1, 45)]
    claimed = [(10 + n, 1, 40) for n in range(4)]
    users, items, ages = zip(*regulars, *claimed, strict=True)
    seen = np.array([np.inf] * 10 + [1.0] * 4, np.float32)
    assert pairs_outside_bursts(data(users, items, ages, 14, 2).histories).all()
    thinned = data(users, items, ages, 14, 2, seen).without_burst_pairs
    assert thinned.histories.weights.nnz == len(regulars) + 1


def test_without_regulars_everyone_is_heard():
    assert pairs_outside_bursts(data([0, 1, 2], [0, 0, 0], [1, 1, 1], 3, 1).histories).all()
    assert data([], [], [], 3, 1).without_burst_pairs.histories.weights.nnz == 0


@pytest.fixture(scope="module")
def market() -> tuple[list[int], list[int], list[float]]:
    """300 users take 20 of 150 items each over 90 days, by taste (six dimensions) and by popularity."""
    rng = np.random.default_rng(11)
    tastes, kinds = rng.normal(size=(300, 6)), rng.normal(size=(150, 6))
    odds = np.exp(tastes @ kinds.T) / np.sqrt(np.arange(1, 151))
    users, items, ages = [], [], []
    for user, own in enumerate(odds):
        users += [user] * 20
        items += rng.choice(150, 20, replace=False, p=own / own.sum()).tolist()
        ages += rng.uniform(0, 90, 20).tolist()
    return users, items, ages


def exposure(training: TrainingData, newcomers: str = "thin") -> np.ndarray:
    config = ModelConfig(
        list_size=10, newcomers=newcomers, tuning=Tuning(enabled=False), diversity=Diversity(reach=0.4)
    )
    lists = recommend(fit_recommender(training, config, seed=1), training.histories.block(0, 300), 10)
    return np.bincount(lists.item_idx[lists.item_idx >= 0], minlength=150)


@pytest.mark.parametrize("target", [8, 27])
def test_one_per_cent_fake_users_at_most_double_an_items_exposure(market, target):
    users, items, ages = market
    before = exposure(data(users, items, ages, 300, 150))[target]
    assert 0 < exposure(under_attack(market, target))[target] <= 2 * before


@pytest.mark.parametrize("target", [8, 27])
def test_fake_users_who_date_their_events_back_gain_no_more(market, target):
    users, items, ages = market
    before = exposure(data(users, items, ages, 300, 150))[target]
    seen = np.array([np.inf] * 300 + [0.5] * 3, np.float32)
    assert 0 < exposure(under_attack(market, target, age=20.0, seen_days=seen))[target] <= 2 * before


def test_where_all_newcomers_are_heard_it_more_than_doubles(market):
    users, items, ages = market
    before = exposure(data(users, items, ages, 300, 150), "all")[8]
    assert exposure(under_attack(market, 8), "all")[8] > 2 * before


def under_attack(market, target: int, age: float = 0.1, seen_days=None) -> TrainingData:
    """With three accounts, each with the target and ten popular items, at that age."""
    users, items, ages = market
    fakes = [(300 + n, item, age) for n in range(3) for item in [*range(n, n + 10), target]]
    more_users, more_items, more_ages = zip(*fakes, strict=True)
    return data([*users, *more_users], [*items, *more_items], [*ages, *more_ages], 303, 150, seen_days)
