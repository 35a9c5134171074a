import numpy as np
import pytest

from include.tuning.blend_weights import BlendPool, join_pools, likely_weights, search_blend_weights


def pool(n_users=60, seed=0) -> BlendPool:
    """Source 0 and 1 each know half of what makes a hit, source 2 is noise."""
    rng = np.random.default_rng(seed)
    scaled = rng.normal(size=(n_users, 40, 3)).astype(np.float32)
    wish = scaled[:, :, 0] + scaled[:, :, 1]
    is_hit = wish >= np.sort(wish, axis=1)[:, [-4]]
    return BlendPool(scaled, is_hit, np.zeros(is_hit.shape, bool), is_hit.sum(axis=1))


def test_the_blend_beats_each_source_and_leaves_noise_out():
    judged = pool()
    weights, value = search_blend_weights(judged, ["a", "b", "noise"])
    singles = [judged.ndcg(row).mean() for row in np.eye(3)]
    assert value > max(singles) + 0.2
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["a"] == pytest.approx(weights["b"], abs=0.15)
    assert weights["noise"] < 0.1


def test_likely_weights_are_a_distribution_and_zero_without_hits():
    judged = pool()
    likely = likely_weights(judged)
    assert likely.sum() == pytest.approx(1)
    assert likely[2] < 0.1
    nothing = BlendPool(judged.scaled, judged.is_hit & False, judged.is_hidden, judged.n_relevant)
    assert not likely_weights(nothing).any()


def test_hidden_candidates_never_count():
    """One user, two candidates, the hidden one is a hit and has the best score."""
    judged = BlendPool(
        np.array([[[9.0], [1.0]]], np.float32),
        np.array([[True, False]]),
        np.array([[True, False]]),
        np.array([1]),
    )
    assert judged.ndcg(np.array([1.0])).tolist() == [0.0]


def test_joined_pools_judge_as_they_do_alone():
    one, other = pool(5, 1), pool(7, 2)
    narrow = BlendPool(other.scaled[:, :30], other.is_hit[:, :30], other.is_hidden[:, :30], other.n_relevant)
    weights = np.array([0.5, 0.3, 0.2])
    joined = join_pools([one, narrow]).ndcg(weights)
    np.testing.assert_allclose(joined, np.concatenate([one.ndcg(weights), narrow.ndcg(weights)]))


def test_hidden_candidates_take_no_place():
    """The hidden candidate scores best; the hit behind it is still on the first place of the list."""
    judged = BlendPool(
        np.array([[[9.0], [1.0]]], np.float32),
        np.array([[False, True]]),
        np.array([[True, False]]),
        np.array([1]),
    )
    assert judged.ndcg(np.array([1.0])).tolist() == [1.0]
