"""Landed relations, worked out by hand."""

from __future__ import annotations

import numpy as np

from include.interactions.item_relations import ItemRelations
from include.retrieval.related import Related, RelatedParams, related_weights


def relations(*rows: tuple[int, int, int, float]) -> ItemRelations:
    item, other, name, weight = (np.array(column) for column in zip(*rows, strict=True))
    return ItemRelations(
        np.array(["author", "series"]),
        item.astype(np.int32),
        other.astype(np.int32),
        name.astype(np.int32),
        weight.astype(np.float32),
    )


def test_a_relation_holds_both_ways_and_tells_less_the_more_there_are():
    """0 and 1 share a series; 2, 3, 4 an author: 2 has two relations, 3 and 4 one each."""
    weights, _ = related_weights(relations((0, 1, 1, 1.0), (2, 3, 0, 1.0), (2, 4, 0, 1.0)), 5)
    expected = np.zeros((5, 5))
    expected[0, 1] = expected[1, 0] = 1
    for other in (3, 4):
        expected[2, other] = expected[other, 2] = 1 / np.sqrt(2)
    np.testing.assert_allclose(weights.toarray(), expected, rtol=1e-6)


def test_two_relations_of_a_pair_add_up_and_the_stronger_is_told():
    found = related_weights(relations((0, 1, 0, 1.0), (0, 1, 1, 3.0)), 2)
    source = Related(*found, np.array(["author", "series"]), RelatedParams())
    assert source.weights.toarray().tolist() == [[0, 4], [4, 0]]
    assert (source.name_of(0, 1), source.name_of(1, 0), source.name_of(0, 0)) == ("series", "series", None)
