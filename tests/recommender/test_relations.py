"""What two items are to each other, from what people did and what texts say."""

from __future__ import annotations

import numpy as np

from include.recommender.shared_lists import RELATIONS, relations_of


def test_together_and_alike_is_a_substitute_together_and_unlike_a_complement() -> None:
    """Of a hundred items, four by hand; the rest lies at 0 in both."""
    total = np.zeros((2, 3, 100), np.float32)
    together, alike = total
    together[:, :4] = [5, 5, 5, 0]
    alike[:, :4] = [9, -1, 1, 9]
    together[1], alike[2] = 0, 0
    told = np.array(RELATIONS)[relations_of(total)]
    assert told[0, :4].tolist() == ["substitute", "complement", "taken together", "similar text"]
    # Without company, and without a text, nothing of both is said.
    assert told[1, :4].tolist() == ["similar text", "taken together", "similar text", "similar text"]
    assert set(told[2]) == {"taken together"}
