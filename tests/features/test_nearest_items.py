"""Neighbours of a block of items, against the definition written out pair by pair."""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.features import nearest_items as module
from include.features.nearest_items import nearest_items

BASKET = pa.list_(pa.struct([("item", pa.int32()), ("users", pa.int32())]))


def group(block: int, blocks: int, baskets: list[list[int]]) -> pa.Table:
    """What Spark hands over: the baskets with an item of the block, whole."""
    users = Counter(item for basket in baskets for item in basket)
    own = [basket for basket in baskets if any(item % blocks == block for item in basket)]
    rows = [[{"item": item, "users": users[item]} for item in basket] for basket in own]
    return pa.table({"block": pa.array([block] * len(own), pa.int32()), "basket": pa.array(rows, BASKET)})


def by_definition(baskets: list[list[int]], neighbours: int, shrink: float) -> dict:
    users = Counter(item for basket in baskets for item in basket)
    both = Counter(pair for basket in baskets for pair in combinations(sorted(basket), 2))
    similar: dict[int, list] = {}
    for (left, right), n in both.items():
        similarity = n / math.sqrt(users[left] * users[right]) * (n / (n + shrink))
        similar.setdefault(left, []).append((-similarity, right, n))
        similar.setdefault(right, []).append((-similarity, left, n))
    return {
        (item, other): (n, -negative)
        for item, found in similar.items()
        for negative, other, n in sorted(found)[:neighbours]
    }


def computed(baskets: list[list[int]], neighbours: int, shrink: float, blocks: int) -> dict:
    found = {}
    for block in range(blocks):
        asked = group(block, blocks, baskets)
        if asked.num_rows:
            for row in nearest_items(asked, neighbours=neighbours, shrink=shrink, blocks=blocks).to_pylist():
                assert row["item"] % blocks == block
                assert (row["item"], row["neighbour"]) not in found
                found[row["item"], row["neighbour"]] = (row["users"], row["similarity"])
    return found


def test_by_hand():
    # 0 and 1, of 2 and 3 users, share two: 2/sqrt(6) * 2/3.
    # 1 and 2, of 3 and 1 users, share one: 1/sqrt(3) / 2.
    found = computed([[0, 1], [1, 0], [1, 2]], neighbours=2, shrink=1.0, blocks=1)
    assert found == {
        (0, 1): (2, pytest.approx(2 / math.sqrt(6) * 2 / 3)),
        (1, 0): (2, pytest.approx(2 / math.sqrt(6) * 2 / 3)),
        (1, 2): (1, pytest.approx(1 / math.sqrt(3) / 2)),
        (2, 1): (1, pytest.approx(1 / math.sqrt(3) / 2)),
    }


def test_a_tie_goes_to_the_smaller_item():
    assert set(computed([[0, 1, 2, 3]], neighbours=1, shrink=0.0, blocks=1)) == {
        (0, 1),
        (1, 0),
        (2, 0),
        (3, 0),
    }


def test_items_that_nobody_else_shares_have_no_neighbour():
    assert computed([[0], [1]], neighbours=5, shrink=0.0, blocks=2) == {}


@settings(max_examples=150, deadline=None)
@given(
    baskets=st.lists(
        st.lists(st.integers(0, 9), min_size=1, max_size=8, unique=True), min_size=1, max_size=12
    ),
    neighbours=st.integers(1, 5),
    shrink=st.sampled_from([0.0, 1.0, 10.0]),
    blocks=st.integers(1, 4),
    max_pairs=st.sampled_from([1, 7, 1000]),
)
def test_blocks_and_slices_together_give_the_definition(baskets, neighbours, shrink, blocks, max_pairs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MAX_PAIRS", max_pairs)
        found = computed(baskets, neighbours, shrink, blocks)
    expected = by_definition(baskets, neighbours, shrink)
    assert {key: users for key, (users, _) in found.items()} == {
        key: users for key, (users, _) in expected.items()
    }
    assert all(found[key][1] == pytest.approx(expected[key][1]) for key in expected)
