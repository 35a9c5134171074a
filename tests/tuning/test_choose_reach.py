"""Reach on made-up tastes: broader lists at a cost that is bounded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.config.consumed import Consumed
from include.evaluation.metrics.coverage import coverage
from include.evaluation.split import time_split
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import make_training_data
from include.ranking.diversity import Diversity
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig, Tuning
from include.tuning import choose_reach as reach
from include.tuning.choose_reach import MAX_LOSS, choose_reach, with_reach
from include.tuning.fit import fit_recommender
from include.tuning.refit import refit_recommender

N_USERS, N_ITEMS = 120, 150


@pytest.fixture(scope="module")
def training():
    """Popular items for everyone, and a niche of 30 items for each of five groups."""
    rng = np.random.default_rng(5)
    users, items = [], []
    for user in range(N_USERS):
        head = rng.choice(30, 8, replace=False)
        niche = 30 + 24 * (user % 5) + rng.choice(24, 4, replace=False)
        users += [user] * 12
        items += [*head, *niche]
    times = rng.uniform(0, 60 * SECONDS_PER_DAY, len(users))
    ids = np.array([f"i{n}" for n in range(N_ITEMS)])
    events = make_interactions(users, items, times)
    return make_training_data(
        np.array([f"u{n}" for n in range(N_USERS)]), make_catalogue(ids), events, as_of=times.max()
    )


@pytest.fixture(scope="module")
def untuned(training):
    return fit_recommender(training, ModelConfig(list_size=10, tuning=Tuning(enabled=False)), seed=1)


def covered(model, histories):
    return coverage(recommend(model, histories).item_idx, N_ITEMS)


def test_more_reach_covers_more_and_none_changes_nothing(training, untuned):
    assert untuned.reach == 0 and untuned.lifts is not None and (untuned.lifts <= 0).all()
    unbound = replace(untuned, config=replace(untuned.config, diversity=Diversity(max_first_share=1.0)))
    assert with_reach(unbound, training.histories, 0, 1).lifts is None
    shares = [covered(with_reach(untuned, training.histories, r, 1), training.histories) for r in (0, 0.3, 1)]
    assert shares[0] < shares[1] < shares[2]
    assert shares[0] == covered(untuned, training.histories)


def test_chosen_is_the_largest_that_costs_little(training, untuned, monkeypatch):
    split = time_split(training, 0.2, Consumed())
    model = fit_recommender(split.train, untuned.config, seed=1)
    chosen, figures = choose_reach([model], [split], seed=1)
    tried = {float(name.split()[1]): value for name, value in figures.items()}
    good = [r for r, value in tried.items() if value >= (1 - MAX_LOSS) * tried[0.0]]
    assert chosen == max(good)
    # Nothing may be lost and nothing is gained: no reach.
    monkeypatch.setattr(reach, "MAX_LOSS", -1.0)
    assert choose_reach([model], [split], seed=1)[0] == 0.0


def test_a_domain_can_fix_it_and_a_refit_keeps_the_strength(training, untuned):
    config = replace(untuned.config, diversity=Diversity(reach=0.4))
    model = fit_recommender(training, config, seed=1)
    assert model.reach == 0.4 and model.lifts.any()
    is_kept = np.arange(len(training.events)) % 2 == 0
    half = training.with_events(training.events.where(is_kept), training.as_of)
    refitted = refit_recommender(model, half, seed=1)
    assert refitted.reach == 0.4
    # Learned again for the new scores, not carried over.
    assert not np.array_equal(refitted.lifts, model.lifts)


def test_strangers_do_not_count(training, untuned):
    """A thousand empty histories all get one list; they must not decide what is lifted."""
    nobody = training.with_events(training.events.where(training.events.user_idx < 60), training.as_of)
    lifts = with_reach(untuned, nobody.histories, 0.5, 1).lifts
    np.testing.assert_array_equal(with_reach(untuned, nobody.histories.block(0, 60), 0.5, 1).lifts, lifts)
