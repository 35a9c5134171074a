import numpy as np

from include.ranking.ranker import Ranker


def groups(n_users=120, seed=0):
    """The hit is the candidate with the largest product of two features: no linear blend finds it."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_users, 30, 2)).astype(np.float32)
    hits = features.prod(axis=2).argmax(axis=1)
    labels = (np.arange(30)[None, :] == hits[:, None]).astype(np.int8)
    return features, labels, hits


def test_it_learns_what_a_blend_cannot_and_survives_arrays():
    features, labels, _ = groups()
    ranker = Ranker.fit(list(features), list(labels), ("a", "b"), 1.0, seed=1)
    unseen, _, hits = groups(seed=9)
    scores = ranker.order_scores(unseen, np.zeros(unseen.shape[:2], np.float32))
    places = (scores > np.take_along_axis(scores, hits[:, None], axis=1)).sum(axis=1)
    assert np.median(places) < 3  # of 30; chance is 14.5
    restored = Ranker.from_arrays(ranker.arrays())
    np.testing.assert_array_equal(
        restored.order_scores(unseen, np.zeros(unseen.shape[:2], np.float32)), scores
    )
    assert restored.share == 1.0


def test_share_zero_is_the_blend_and_hidden_candidates_stay_hidden():
    features, labels, _ = groups()
    ranker = Ranker.fit(list(features), list(labels), ("a", "b"), 0.0, seed=1)
    blended = np.array([[3.0, 1.0, -np.inf]], np.float32)
    scores = ranker.order_scores(features[:1, :3], blended)
    assert np.isneginf(scores[0, 2])
    np.testing.assert_allclose(scores[0, :2], [1, -1], rtol=1e-5)
