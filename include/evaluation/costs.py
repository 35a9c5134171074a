"""What each active rule costs: the same model judged with and without it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from include.config.consumed import Consumed
from include.evaluation.bootstrap import Interval, bootstrap_interval
from include.evaluation.evaluate import METRIC, Evaluation, evaluate_lists
from include.evaluation.split import Split, judged_split
from include.interactions.interactions import Interactions
from include.ranking.first_places import K
from include.recommender.build_lists import recommend
from include.recommender.model import Recommender

CONSUMED = "consumed"


@dataclass(frozen=True)
class RuleCost:
    """without: the lists' evaluation without the rule.  cost: nDCG@10 without it minus with it, paired by
    user: positive where the rule takes hits away."""

    without: Evaluation
    cost: Interval


def without_each_rule(model: Recommender) -> dict[str, Recommender]:
    """Rule that changes lists -> the model without it; only rules that are active are there."""
    config, diversity, rules = model.config, model.config.diversity, model.config.rules
    found = {}
    if model.lifts is not None and (model.lifts > 0).any():
        found["reach"] = replace(model, lifts=np.minimum(model.lifts, 0))
    if model.lifts is not None and (model.lifts < 0).any():
        found["first places"] = replace(model, lifts=np.maximum(model.lifts, 0))
    if diversity.strength > 0:
        found["diversity"] = _with(model, diversity=replace(diversity, strength=0.0))
    if diversity.max_per_category is not None:
        found["category cap"] = _with(model, diversity=replace(diversity, max_per_category=None))
    if rules.boost_items or rules.boost_categories:
        found["boosts"] = _with(model, rules=replace(rules, boost_items={}, boost_categories={}))
    if rules.block_items or rules.block_categories:
        found["blocks"] = _with(model, rules=replace(rules, block_items=(), block_categories=()))
    if config.consumed.mode != "allow":
        found[CONSUMED] = _with(model, consumed=Consumed("allow"))
    return found


def rule_costs(model: Recommender, split: Split, known: Interactions, seed: int) -> dict[str, RuleCost]:
    """Rule -> its cost by the split's judged users: one ranking of them a rule, two for the consumed rule.

    known: all events.  The consumed rule is judged by everything that was taken after the cutoff, what
    was consumed before included: without it, what it hides could be a hit.
    """
    if not len(split.users):
        return {}
    with_all = recommend(model, split.histories, K).item_idx
    costs = {}
    for name, other in without_each_rule(model).items():
        relevant = taken_again(split, known) if name == CONSUMED else split.relevant
        lists = recommend(other, split.histories, K).item_idx
        without = evaluate_lists(lists, relevant, vectors=split.train.catalogue.embeddings, cutoffs=(K,))
        base = evaluate_lists(with_all, relevant, cutoffs=(K,))
        lost = without.by_user[METRIC] - base.by_user[METRIC]
        costs[name] = RuleCost(without, bootstrap_interval(lost, seed))
    return costs


def taken_again(split: Split, known: Interactions) -> sp.csr_matrix:
    """CSR bool (n_judged, n_items): all that the judged users took from the cutoff on."""
    after = known.where(known.event_at >= split.cutoff)
    everything = judged_split(split.train, after, Consumed("allow"), split.cutoff)
    return everything.relevant[np.searchsorted(everything.users, split.users)]


def _with(model: Recommender, **changes: object) -> Recommender:
    return model.with_config(replace(model.config, **changes))  # type: ignore[arg-type]
