"""How loud a pair may be, by hand, and one account with a value of a thousand million."""

from __future__ import annotations

import numpy as np

from include.interactions.catalogue import make_catalogue
from include.interactions.histories import Histories, histories_from_pairs
from include.interactions.interactions import make_interactions
from include.interactions.loud_pairs import weight_bound
from include.interactions.training_data import TrainingData, make_training_data
from include.ranking.diversity import Diversity
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig, Tuning
from include.tuning.fit import fit_recommender


def loudness(*loudest: float) -> Histories:
    """One person a weight, who took item 0 with weight 0.5 and item 1 with that."""
    n = len(loudest)
    users, items = np.repeat(np.arange(n), 2), np.tile([0, 1], n)
    weights = np.column_stack([np.full(n, 0.5), loudest]).ravel()
    return histories_from_pairs(users, items, weights, np.zeros(2 * n), n_users=n, n_items=2)


def test_the_bound_is_what_more_than_one_in_a_hundred_reach():
    assert weight_bound(loudness(1, 5, 3, 1e9)) == 5  # one of four may be louder
    hundreds = np.append(np.linspace(1, 2, 296), [7, 8, 9, 1e9])
    assert weight_bound(loudness(*hundreds)) == 7  # three of three hundred
    assert weight_bound(loudness(1, 1, 1)) == 1
    assert weight_bound(loudness(1, 1e9)) == np.inf
    assert weight_bound(loudness()) == np.inf


def market(*extra: tuple[int, int, float]) -> TrainingData:
    """200 people rate 15 of 60 items from 1 to 5; `extra`: (user, item, value)."""
    rng = np.random.default_rng(4)
    users, items = np.repeat(np.arange(200), 15), rng.zipf(1.3, 3000) % 60
    values = rng.integers(1, 6, 3000).astype(float)
    users = np.append(users, [user for user, _, _ in extra]).astype(int)
    items = np.append(items, [item for _, item, _ in extra]).astype(int)
    values = np.append(values, [value for _, _, value in extra])
    times = 1_000_000_000 + rng.uniform(0, 90 * 86_400, len(users))
    ids = np.array([f"u{n}" for n in range(int(users.max()) + 1)])
    catalogue = make_catalogue(np.array([f"i{n}" for n in range(60)]))
    return make_training_data(
        ids, catalogue, make_interactions(users, items, times, values), as_of=times.max()
    )


def exposure(training: TrainingData, item: int) -> int:
    """Of the 200 people, how many are shown the item by the two sources that weigh values most."""
    config = ModelConfig(
        sources=("als", "ease_weighted"),
        newcomers="all",
        tuning=Tuning(enabled=False),
        diversity=Diversity(reach=0.0),
    )
    model = fit_recommender(training, config, 1)
    shown = recommend(model, training.histories.block(0, 200), 10).item_idx
    return int((shown == item).any(axis=1).sum())


def test_one_loud_account_moves_an_item_no_more_than_a_quiet_one():
    fillers = list(range(10))
    quiet = market((200, 57, 5.0), *((200, item, 5.0) for item in fillers))
    loud = market((200, 57, 1e9), *((200, item, 1e9) for item in fillers))
    assert exposure(loud, 57) <= 2 * exposure(quiet, 57)
    # What is learned from is bounded; the account's own history stays as it is.
    assert loud.histories.weights.data.max() == np.float32(1e9)
    assert loud.learned_from("all").histories.weights.data.max() < 100
