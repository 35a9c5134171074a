"""The wide search of tune_models: what it tries, in which order, and what it settles for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from include.evaluation.split import judged_split
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import make_training_data
from include.recommender.model_config import ModelConfig
from include.retrieval.als import AlsParams
from include.retrieval.ease import EaseParams
from include.retrieval.item_to_item import ItemToItemParams
from include.retrieval.popular import PopularParams
from include.retrieval.registry import SOURCES
from include.tuning.compare import Combined, blended_ndcg, combine_settings
from include.tuning.fit import inner_splits
from include.tuning.grids import DEAR_ITEMS, grid_for, neighbours_of, wide_grid_for
from include.tuning.source_search import MAX_STEPS, Trial, choose_trial, run_trial, search_wide
from tests.support.taste import tasteful_training

SEED = 42
CONFIG = ModelConfig(sources=("item_to_item", "popular"))


@pytest.fixture(scope="module")
def splits():
    return inner_splits(tasteful_training(), CONFIG, SEED)


def trial(name: str, *values: float) -> Trial:
    return Trial(name, name, np.array(values))


def test_neighbours_differ_in_one_number_by_one_step() -> None:
    assert set(neighbours_of(EaseParams(regularization=100, half_life_days=30))) == {
        EaseParams(regularization=50, half_life_days=30),
        EaseParams(regularization=200, half_life_days=30),
        EaseParams(regularization=100, half_life_days=15),
        EaseParams(regularization=100, half_life_days=60),
    }
    small = neighbours_of(AlsParams(factors=8, regularization=20, alpha=2))
    assert {params.factors for params in small} == {8, 16}, "never below 8"
    assert neighbours_of(PopularParams(half_life_days=None)) == ()


@pytest.mark.parametrize("source", SOURCES)
def test_the_wide_grid_begins_with_the_champion_and_tries_nothing_twice(source: str) -> None:
    params_type = SOURCES[source].params_type
    grid = wide_grid_for(source, 100, start=params_type())
    assert grid[0] == params_type()
    assert len(set(grid)) == len(grid)
    assert set(grid_for(source, 100)) <= set(grid)
    assert all(type(params) is params_type for params in grid)


def test_dear_fits_are_tried_less_often() -> None:
    assert len(wide_grid_for("ease", DEAR_ITEMS + 1)) < len(wide_grid_for("ease", DEAR_ITEMS)) / 2
    assert wide_grid_for("als", DEAR_ITEMS + 1) == wide_grid_for("als", DEAR_ITEMS)


def test_the_earliest_that_is_no_worse_by_more_than_luck_is_chosen() -> None:
    """Lost to the best: the first 0.25 of each user for sure; the second 0.0025 ± 0.05, which is luck."""
    sure = trial("sure loss", *[0.25] * 100)
    tied = trial("tied", *[0.0, 0.995] * 50)
    best = trial("best", *[0.5] * 100)
    assert choose_trial([sure, tied, best]) is tied
    assert choose_trial([sure, best, tied]) is best


def test_the_search_leaves_a_bad_champion_and_goes_on_from_the_best(splits) -> None:
    """One neighbour an item is too few to fill a list with one's own taste."""
    said: list[str] = []
    bad = ItemToItemParams(neighbours=1)
    trials = search_wide("item_to_item", splits, CONFIG, SEED, said.append, start=bad)
    assert trials[0].params == bad
    assert choose_trial(trials).ndcg > trials[0].ndcg + 0.2
    assert len({trial.params for trial in trials}) == len(trials)
    grid = wide_grid_for("item_to_item", splits[0].train.n_items, bad)
    assert [trial.params for trial in trials[: len(grid)]] == list(grid)
    best_of_grid = max(trials[: len(grid)], key=lambda trial: trial.ndcg)
    assert trials[len(grid)].params in neighbours_of(best_of_grid.params)
    assert len(trials) <= len(grid) + 8 * MAX_STEPS
    assert len(said) == len(trials)
    assert said[0].startswith(f"item_to_item: trial 1 of {len(grid)}: nDCG@10 {trials[0].ndcg:.4f} ± ")


def test_a_champion_that_is_no_worse_is_kept(splits) -> None:
    best = choose_trial(search_wide("item_to_item", splits, CONFIG, SEED, lambda _: None)).params
    nearly = replace(best, neighbours=best.neighbours - 1)
    trials = search_wide("item_to_item", splits, CONFIG, SEED, lambda _: None, start=nearly)
    assert choose_trial(trials) is trials[0]


def test_a_trial_learns_from_what_the_fit_would_learn_from() -> None:
    """Twelve accounts of the last day push item 30, unheard by the fit; forty others took three each."""
    users = np.concatenate((np.repeat(np.arange(40), 3), np.arange(40, 52)))
    items = np.concatenate((np.arange(120) % 30, np.full(12, 30)))
    days = np.concatenate((np.tile([0, 20, 40], 40), np.full(12, 60)))
    train = make_training_data(
        np.arange(52).astype(str),
        make_catalogue(np.arange(31).astype(str)),
        make_interactions(users, items, days * SECONDS_PER_DAY),
        as_of=60 * SECONDS_PER_DAY,
    )
    later = make_interactions(np.arange(40), np.full(40, 30), np.full(40, 61 * SECONDS_PER_DAY))
    split = judged_split(train, later, CONFIG.consumed, 61 * SECONDS_PER_DAY)
    assert len(split.users) == 40
    assert run_trial("popular", PopularParams(half_life_days=None), [split], CONFIG, SEED).ndcg == 0.0


def test_what_the_domain_file_sets_by_hand_is_not_searched(splits) -> None:
    fixed = ItemToItemParams(neighbours=7)
    config = ModelConfig(sources=("item_to_item",), params={"item_to_item": fixed})
    (only,) = search_wide("item_to_item", splits, config, SEED, lambda _: None, start=ItemToItemParams())
    assert only.params == fixed


def test_better_settings_of_a_source_make_a_better_blend(splits) -> None:
    def worth(neighbours: int) -> float:
        params = {"item_to_item": ItemToItemParams(neighbours=neighbours)}
        return blended_ndcg(splits, CONFIG, params, SEED, lambda _: None)

    assert worth(100) > worth(1) + 0.2
    assert worth(100) == worth(100)


def test_settings_are_combined_one_source_after_the_other() -> None:
    """Both gain alone; with the first the second says nothing new and costs."""
    worths = {"a b": 0.20, "A b": 0.24, "A B": 0.23, "a B": 0.22}

    def worth(settings: dict[str, str]) -> float:
        return worths[" ".join(settings[name] for name in ("one", "two"))]

    champion = {"one": "a", "two": "b"}
    found = {"one": "A", "two": "B"}
    assert combine_settings(found, champion, worth, print) == Combined({"one": "A", "two": "b"}, 0.24, 0.20)
    backwards = {"two": "B", "one": "A"}
    both = Combined({"one": "A", "two": "B"}, 0.23, 0.20)
    assert combine_settings(backwards, champion, worth, print) == both, "the order decides"
    best = {"one": "A", "two": "b"}
    assert combine_settings(found, best, worth, print) == Combined(best, 0.24, 0.24)
    assert combine_settings(found, None, worth, print) == Combined(found, 0.23, None)
