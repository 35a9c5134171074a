import numpy as np
import pytest

from include.evaluation.evaluate import Evaluation
from include.evaluation.segments import largest_gap, segment_intervals, segment_means, with_segment_gap


def test_gap_between_segments_that_are_large_enough():
    values = np.array([1.0, 0.5, 0.1, 0.3, 9.0, 9.0])
    segments = np.array([0, 0, 1, 1, 2, -1])
    means = segment_means(values, segments, ("a", "b", "c"), min_users=2)
    assert means == pytest.approx({"a": 0.75, "b": 0.2})
    assert largest_gap(means) == pytest.approx(0.55)
    assert largest_gap({"a": 0.75}) == 0


def test_the_gap_is_a_figure_only_where_two_segments_can_be_compared():
    values = np.repeat([0.4, 0.1], 30)
    judged = Evaluation({"ndcg@10": 0.25}, {"ndcg@10": values}, 60)
    segments = np.repeat([0, 1], 30)
    assert with_segment_gap(judged, segments, ("a", "b")).figures["segment_gap@10"] == pytest.approx(0.3)
    assert with_segment_gap(judged, np.repeat([0, 1], [31, 29]), ("a", "b")) is judged
    assert with_segment_gap(Evaluation({}, {}, 0), segments[:0], ("a", "b")).figures == {}
    found = segment_intervals(judged, segments, ("a", "b"), seed=1)
    assert found["b"][0].mean == pytest.approx(0.1) and found["b"][1] == 30
