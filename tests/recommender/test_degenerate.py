"""Lakes with next to nothing in them: a defined list, and a reason for every source left out."""

import numpy as np
import pytest

from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig
from include.recommender.shared_lists import popular_items, similar_items
from include.recommender.storage import load_recommender, save_recommender
from include.tuning.fit import fit_recommender


def fitted(users, items, times, n_users, n_items):
    catalogue = make_catalogue(np.array([f"i{n}" for n in range(n_items)]))
    events = make_interactions(np.array(users), np.array(items), np.array(times, float))
    user_ids = np.array([f"u{n}" for n in range(n_users)])
    data = make_training_data(user_ids, catalogue, events, as_of=max(times))
    return data, fit_recommender(data, ModelConfig(list_size=5), seed=1)


@pytest.mark.parametrize(
    ("users", "items", "times", "n_users", "n_items"),
    [
        ([0], [0], [1], 1, 1),  # one event
        ([0, 0, 0], [0, 1, 2], [1, 2, 3], 1, 4),  # one user
        ([0, 1, 2], [0, 0, 0], [1, 2, 3], 3, 1),  # one item
        ([0, 0, 1, 1, 2], [0, 1, 1, 2, 0], [5, 5, 5, 5, 5], 3, 4),  # one instant
        ([0, 1], [0, 1], [1, 2], 4, 3),  # users and items without events
    ],
)
def test_a_tiny_lake_gets_defined_lists(users, items, times, n_users, n_items, tmp_path):
    data, model = fitted(users, items, times, n_users, n_items)
    lists = recommend(model, data.histories, with_candidates=True)
    allowed = n_items - np.diff(data.histories.consumed.indptr)
    np.testing.assert_array_equal((lists.item_idx >= 0).sum(axis=1), np.minimum(allowed, 5))
    assert np.isfinite(lists.score).all()
    assert set(model.report.left_out) | set(model.sources) == set(ModelConfig().sources)
    assert "popular" in model.sources
    assert all("left out" in reason for reason in model.report.left_out.values())
    similar_items(model)
    assert sorted(popular_items(model)["all"][0].tolist()) == list(range(n_items))
    save_recommender(model, tmp_path / "m.npz")
    np.testing.assert_array_equal(
        recommend(load_recommender(tmp_path / "m.npz"), data.histories).item_idx, lists.item_idx
    )


def test_a_configured_source_that_cannot_run_is_reported():
    _, model = fitted([0, 0, 1], [0, 1, 0], [1, 2, 3], 2, 2)
    assert "no text embeddings" in model.report.left_out["text"]
    assert "all events have one weight" in model.report.left_out["ease_weighted"]
    assert "nobody took an item twice" in model.report.left_out["repeat"]
