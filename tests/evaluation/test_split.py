import numpy as np
import pytest

from include.config.consumed import Consumed
from include.evaluation.split import time_split
from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import make_interactions
from include.interactions.training_data import make_training_data


def training(users, items, times, weights=None):
    events = make_interactions(np.array(users), np.array(items), np.array(times, float), weights)
    catalogue = make_catalogue(np.array(["a", "b", "c", "d"]))
    return make_training_data(np.array(["u", "v", "w"]), catalogue, events, as_of=max(times))


def test_nothing_of_the_future_is_on_the_train_side():
    split = time_split(training([0, 0, 1, 1, 0, 2], [0, 1, 0, 2, 3, 1], [1, 2, 3, 4, 5, 6]), 0.34, Consumed())
    assert split.cutoff == 4
    assert split.train.as_of == 3
    assert split.train.events.event_at.max() == 3
    # v took c after the cutoff and had a history; w has none and is left to the popular list.
    assert split.users.tolist() == [0, 1]
    assert split.relevant.toarray().tolist() == [[0, 0, 0, 1], [0, 0, 1, 0]]


def test_items_consumed_before_are_relevant_only_where_allowed():
    data = training([0, 0, 0, 0], [0, 1, 2, 0], [1, 2, 3, 4])
    assert len(time_split(data, 0.25, Consumed("exclude")).users) == 0
    assert time_split(data, 0.25, Consumed("allow")).relevant.toarray().tolist() == [[1, 0, 0, 0]]


def test_returns_are_not_wished_for():
    weights = np.array([1, 1, 1, -1])
    assert (
        len(time_split(training([0, 0, 0, 0], [0, 1, 2, 3], [1, 2, 3, 4], weights), 0.25, Consumed()).users)
        == 0
    )


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_equal_timestamps_judge_nobody(share):
    split = time_split(training([0, 1, 2], [0, 1, 2], [5, 5, 5]), share, Consumed())
    assert len(split.users) == 0
    assert len(split.train.events) == 0
