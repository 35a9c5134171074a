import numpy as np
import pytest

from include.errors import DataError
from include.interactions.histories import histories_from_events, histories_from_pairs
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions


def test_weights_decay_by_half_life_and_sum():
    """Item 1 at age 10 and 0 days, half-life 10: 4/2 + 4 = 6; the return leaves item 2 consumed only."""
    day = SECONDS_PER_DAY
    events = make_interactions(
        [0, 0, 0, 0, 1], [1, 1, 2, 2, 0], np.array([0, 10, 10, 10, 11]) * day, [4, 4, 1, -1, 1]
    )
    histories = histories_from_events(events, as_of=10 * day, half_life_days=10, n_users=2, n_items=3)
    assert histories.weights.toarray().tolist() == [[0, 6, 0], [0, 0, 0]]
    assert histories.age_days.tolist() == [0]
    assert histories.counts.tolist() == [2]
    assert histories.consumed.indices.tolist() == [1, 2]


def test_rows_and_blocks_keep_arrays_aligned():
    histories = histories_from_pairs(
        [0, 0, 1, 2], [1, 0, 2, 0], [1, 2, 3, 4], [10, 20, 30, 40], [5, 6, 7, 8], n_users=3, n_items=3
    )
    picked = histories.rows(np.array([2, 0]))
    assert picked.weights.toarray().tolist() == [[4, 0, 0], [2, 1, 0]]
    assert picked.age_days.tolist() == [40, 20, 10]
    assert picked.counts.tolist() == [8, 6, 5]
    block = histories.block(1, 3)
    assert (block.age_days.tolist(), block.counts.tolist()) == ([30, 40], [7, 8])
    narrow = histories.with_items(1)
    assert narrow.weights.toarray().tolist() == [[2], [0], [4]]
    assert narrow.age_days.tolist() == [20, 40]


def test_values_apply_power_and_a_further_half_life():
    histories = histories_from_pairs([0, 0], [0, 1], [4, 9], [0, 2], n_users=1, n_items=2)
    assert histories.values(0.5, 2.0).tolist() == pytest.approx([2, 1.5])


@pytest.mark.parametrize(
    ("users", "items", "weight", "what"),
    [([0, 0], [1, 1], [1, 1], "given twice"), ([3], [0], [1], "user_idx"), ([0], [0], [np.nan], "NaN")],
)
def test_bad_pairs_are_refused(users, items, weight, what):
    with pytest.raises(DataError, match=what):
        histories_from_pairs(users, items, weight, [0.0] * len(users), n_users=2, n_items=2)
