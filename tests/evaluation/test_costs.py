"""Costs of rules on three users and four items, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.config.consumed import Consumed
from include.evaluation.costs import rule_costs, taken_again, without_each_rule
from include.evaluation.split import time_split
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data
from include.ranking.diversity import Diversity
from include.ranking.rules import Rules
from include.recommender.model_config import ModelConfig, Tuning
from include.tuning.fit import fit_recommender

# Before the cutoff (time 10): a and b of everyone.  After it: u0 takes c, u1 takes a again, u2 takes d.
EVENTS = make_interactions(
    [0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 2],
    [0, 1, 0, 1, 0, 1, 2, 3, 2, 0, 3],
    np.array([1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12], dtype=float) * 86_400,
)


@pytest.fixture
def training():
    catalogue = make_catalogue(np.array(list("abcd")), category=np.array(list("xxyy")))
    return make_training_data(np.array([f"u{n}" for n in range(4)]), catalogue, EVENTS, as_of=12 * 86_400.0)


def fitted(training, **changes):
    config = ModelConfig(list_size=4, tuning=Tuning(enabled=False), sources=("popular",), **changes)
    split = time_split(training, 3 / 11, config.consumed)
    return fit_recommender(split.train, config, seed=1), split


def test_only_active_rules_are_taken_away(training):
    model, _ = fitted(training, consumed=Consumed("allow"))
    assert without_each_rule(model) == {}
    rules = Rules(block_items=("a",), boost_categories={"y": 2.0})
    busy = replace(
        model,
        config=replace(model.config, rules=rules, diversity=Diversity(0.3, max_per_category=1)),
        lifts=np.array([0, 0, 0, 1], np.float32),
    )
    assert set(without_each_rule(busy)) == {"reach", "diversity", "category cap", "boosts", "blocks"}
    assert without_each_rule(busy)["blocks"].config.rules == replace(rules, block_items=())


def test_a_block_of_what_was_taken_costs_its_hit(training):
    """u0 and u2 judge; a and b are consumed, d was taken later than c and stands first.  u2's d has nDCG 1,
    u0's c on the second place 1 / log2(3), and 0 where c is blocked."""
    model, split = fitted(training, rules=Rules(block_items=("c",)))
    assert split.users.tolist() == [0, 2]
    second = 1 / np.log2(3)
    cost = rule_costs(model, split, training.events, seed=1)["blocks"]
    assert cost.without.figures["ndcg@10"] == pytest.approx((1 + second) / 2)
    assert cost.cost.mean == pytest.approx(second / 2)


def test_the_consumed_rule_is_judged_by_what_was_taken_again(training):
    model, split = fitted(training)
    again = taken_again(split, training.events)
    assert again.shape[0] == len(split.users) == 2
    assert (again.toarray() > 0).tolist() == [[False, False, True, False], [False, False, False, True]]
    # Without the rule a and b stand before what the two really took.
    assert rule_costs(model, split, training.events, seed=1)["consumed"].cost.mean < 0
