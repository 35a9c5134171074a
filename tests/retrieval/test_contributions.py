"""Which part of a score is told as the reason."""

from __future__ import annotations

import numpy as np

from include.recommender.lists import NO_ITEM
from include.retrieval.contributions import Contributions


def test_the_strongest_is_the_largest_positive_part_and_the_first_of_equals():
    parts = Contributions(
        pair=np.array([0, 0, 0, 1, 1, 3, 3]),
        item=np.array([7, 8, 9, 4, 5, 1, 2], dtype=np.int32),
        value=np.array([0.1, 0.5, 0.2, -1.0, 0.0, 0.3, 0.3], dtype=np.float32),
    )
    assert parts.strongest(5).tolist() == [8, NO_ITEM, NO_ITEM, 1, NO_ITEM]
    np.testing.assert_allclose(parts.totals(5), [0.8, -1.0, 0, 0.6, 0], atol=1e-6)
