import numpy as np
import pytest

from include.evaluation.segments import largest_gap, segment_means


def test_gap_between_segments_that_are_large_enough():
    values = np.array([1.0, 0.5, 0.1, 0.3, 9.0, 9.0])
    segments = np.array([0, 0, 1, 1, 2, -1])
    means = segment_means(values, segments, ("a", "b", "c"), min_users=2)
    assert means == pytest.approx({"a": 0.75, "b": 0.2})
    assert largest_gap(means) == pytest.approx(0.55)
    assert largest_gap({"a": 0.75}) == 0
