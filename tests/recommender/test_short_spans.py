"""A few weeks of data: older windows of the inner splits are too short for what the newest can carry."""

from __future__ import annotations

import pytest

from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import TrainingData, make_training_data
from include.recommender.model_config import ModelConfig
from include.retrieval.source import SourceUnavailable
from include.retrieval.trending import Trending, TrendingParams
from include.tuning.fit import fit_recommender, inner_splits
from tests.support.taste import tasteful_events, tasteful_training

CONFIG = ModelConfig(sources=("item_to_item", "trending"), list_size=5)


def within(days: float) -> TrainingData:
    """What is otherwise spread over 90 days."""
    users, items, at = tasteful_events()
    times = 1_700_000_000 + at / 90 * days * SECONDS_PER_DAY
    made = tasteful_training()
    return make_training_data(
        made.user_ids, made.catalogue, make_interactions(users, items, times), as_of=times.max()
    )


@pytest.mark.parametrize("days", [18, 25])
def test_a_source_that_older_windows_lack_does_not_stop_the_fit(days: int) -> None:
    data = within(days)
    splits = inner_splits(data, CONFIG, 1)
    Trending.fit(splits[0].train, TrendingParams(), 1)
    with pytest.raises(SourceUnavailable):
        Trending.fit(splits[-1].train, TrendingParams(), 1)
    model = fit_recommender(data, CONFIG, 1)
    assert set(model.source_names) == {"item_to_item", "popular", "trending"}
    assert sum(model.weights.values()) == pytest.approx(1)
    assert model.report.validation["blend"] > 0.4
