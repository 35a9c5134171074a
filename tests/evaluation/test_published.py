import numpy as np
import pytest

from include.config.consumed import Consumed
from include.evaluation.published import popular_lists, published_health
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data
from include.ranking.rules import Rules
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig, Tuning
from include.tuning.fit import fit_recommender

N_ITEMS = 30


@pytest.fixture(scope="module")
def data():
    """Item n is taken by 30 - n users, so that popularity falls with the number."""
    pairs = [(user, item) for item in range(N_ITEMS) for user in range(N_ITEMS - item)]
    users, items = np.array(pairs).T
    ids = np.array([f"i{n}" for n in range(N_ITEMS)])
    events = make_interactions(users, items, np.ones(len(users)))
    return make_training_data(
        np.array([f"u{n}" for n in range(N_ITEMS)]), make_catalogue(ids), events, as_of=1.0
    )


def model_of(data, **changes):
    config = ModelConfig(list_size=10, tuning=Tuning(enabled=False), sources=("popular",), **changes)
    return fit_recommender(data, config, seed=1)


def test_popular_lists_keep_the_rules(data):
    """u29 has item 0 only: 1 to 10 without the blocked 3; u0 has everything: nothing is left."""
    lists = popular_lists(model_of(data, rules=Rules(block_items=("i3",))), data.histories)
    assert lists[29].tolist() == [1, 2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert (lists[0] == -1).all()


def test_coverage_is_told_as_a_multiple_of_popularity(data):
    model = model_of(data, consumed=Consumed("allow"))
    everyone = recommend(model, data.histories).item_idx
    figures = published_health(everyone, model, data.histories)
    assert figures["coverage_of_popularity@10"] == pytest.approx(10 / 30)
    assert figures["coverage_vs_popularity@10"] == 1.0
    spread = np.arange(30).reshape(3, 10)
    assert published_health(spread, model, data.histories.block(0, 3))["coverage_vs_popularity@10"] == 3.0
