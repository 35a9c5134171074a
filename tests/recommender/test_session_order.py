import numpy as np

from include.interactions.catalogue import make_catalogue
from include.interactions.histories import histories_from_pairs
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data
from include.recommender.build_lists import recommend
from include.recommender.model_config import ModelConfig
from include.recommender.session_order import order_by_session, rerank_by_session
from include.tuning.fit import fit_recommender


def recommender():
    """Two worlds, items 0-4 and 5-9, with texts to match."""
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(40), 4)
    items = np.concatenate([rng.choice(5, 4, replace=False) + 5 * (user % 2) for user in range(40)])
    embeddings = rng.normal(scale=0.1, size=(10, 4)) + np.repeat([[1, 0, 0, 0], [0, 1, 0, 0]], 5, axis=0)
    catalogue = make_catalogue(np.arange(10).astype(str), embeddings=embeddings)
    events = make_interactions(users, items, 1e9 + np.arange(len(users)) * 60.0)
    return fit_recommender(
        make_training_data(np.arange(40).astype(str), catalogue, events, as_of=events.event_at.max()),
        ModelConfig(),
        1,
    )


ITEMS, SCORE = np.array([0, 5, 1, 6, -1]), np.array([4.0, 3.9, 3.8, 3.7, 0.0])


def order(model, items, ages, strength, half_life=30.0):
    positions = rerank_by_session(
        model, ITEMS, SCORE, items, ages, half_life_minutes=half_life, strength=strength
    )
    assert sorted(positions.tolist()) == list(range(5))
    return ITEMS[positions].tolist()


def test_what_is_touched_now_comes_up():
    model = recommender()
    assert order(model, [], [], 1.0) == ITEMS.tolist()
    assert order(model, [8], [0.0], 0.0) == ITEMS.tolist()
    assert set(order(model, [8], [0.0], 1.0)[:2]) == {5, 6}
    assert set(order(model, [3], [0.0], 1.0)[:2]) == {0, 1}
    assert order(model, [3], [0.0], 1.0)[-1] == -1


def test_an_old_touch_gives_way_to_a_new_one():
    model = recommender()
    assert set(order(model, [8, 3], [300.0, 0.0], 1.0)[:2]) == {0, 1}
    assert set(order(model, [8, 3], [0.0, 300.0], 1.0)[:2]) == {5, 6}


def test_read_time_and_tick_give_the_same_order():
    """One list by what a reader names, and the list of a history that holds just that."""
    model = recommender()
    items, ages = np.array([8, 3, 7, 8]), np.array([40.0, 5.0, 1.0, 90.0])
    history = histories_from_pairs(
        np.zeros(3), items[:3], np.ones(3), ages[:3] / 1440, n_users=1, n_items=len(model.catalogue)
    )
    lists = recommend(model, histories_from_pairs([0], [0], [1.0], [9.0], n_users=1, n_items=10), n=6)
    for strength in (0.3, 0.7, 1.0):
        moved = order_by_session(model, history, lists, 30.0, strength)
        positions = rerank_by_session(
            model, lists.item_idx[0], lists.score[0], items, ages, half_life_minutes=30.0, strength=strength
        )
        assert lists.item_idx[0][positions].tolist() == moved.item_idx[0].tolist()
    assert moved.item_idx[0].tolist() != lists.item_idx[0].tolist()
