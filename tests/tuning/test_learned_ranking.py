"""When the learned ranker gets a say: made-up candidates where it is known whether it can help."""

from __future__ import annotations

import numpy as np
import pytest

from include.tuning.learned_ranking import MIN_USERS, Judged, decide_ranker, is_more_than_luck

N_CANDIDATES = 30
NAMES = ("clue",)
SEED = 4


def judged(n_users: int, *, clue: float, blend: float, seed: int = 1) -> Judged:
    """One hit among 30 candidates of each user.

    clue, blend: how far the hit stands out in the only feature, and in the blend, beyond noise of size 1.
    """
    rng = np.random.default_rng(seed)
    is_hit = np.zeros((n_users, N_CANDIDATES), bool)
    is_hit[np.arange(n_users), rng.integers(0, N_CANDIDATES, n_users)] = True
    features = rng.normal(size=(n_users, N_CANDIDATES, 1)) + clue * is_hit[:, :, None]
    blended = (rng.normal(size=is_hit.shape) + blend * is_hit).astype(np.float32)
    return Judged(
        features.astype(np.float32),
        blended,
        is_hit,
        np.ones(n_users, int),
        np.arange(n_users, dtype=np.int32),
    )


def best_gain(figures: dict[str, float]) -> float:
    shares = [value for name, value in figures.items() if name != "ranker share 0"]
    return max(shares) - figures["ranker share 0"]


def test_a_clue_that_the_blend_lacks_gives_the_ranker_its_say() -> None:
    ranker, figures = decide_ranker([judged(300, clue=4, blend=1)], NAMES, SEED, must_win=True)
    assert best_gain(figures) > 0.3
    assert ranker is not None
    best = max((name for name in figures), key=lambda name: figures[name])
    assert best == f"ranker share {ranker.share:g}"
    gain = ranker.booster.feature_importance("gain")
    assert [name for name, part in zip(ranker.names, gain, strict=True) if part > 0] == ["clue"]


def test_noise_does_not_and_the_blend_stays() -> None:
    ranker, figures = decide_ranker([judged(300, clue=0, blend=3)], NAMES, SEED, must_win=True)
    assert ranker is None
    assert best_gain(figures) <= 0
    assert set(figures) == {f"ranker share {share:g}" for share in (0, 0.3, 0.6, 1)}


def test_a_gain_within_one_standard_error_is_luck() -> None:
    """Two of 100 who gain 0.5: mean 0.0100, error 0.0070. One loses 0.3 besides: 0.0070 and 0.0077."""
    gain = np.zeros(100)
    gain[:2] = 0.5
    assert is_more_than_luck(gain)
    gain[2] = -0.3
    assert not is_more_than_luck(gain)
    assert not is_more_than_luck(np.zeros(100))
    assert not is_more_than_luck(-gain)
    assert not is_more_than_luck(np.array([0.5])), "one user has no error to compare with"


def test_a_domain_that_asks_for_the_ranker_gets_it_where_it_loses() -> None:
    part = judged(300, clue=0, blend=3)
    ranker, figures = decide_ranker([part], NAMES, SEED, must_win=False)
    assert ranker is not None and best_gain(figures) <= 0
    assert ranker.share == 0.3, "the share that loses least"


@pytest.mark.parametrize("must_win", [True, False])
def test_too_few_users_teach_no_ranker(must_win: bool) -> None:
    """However clear the clue; a user of two splits counts once."""
    few = judged(MIN_USERS - 1, clue=9, blend=0)
    assert decide_ranker([few], NAMES, SEED, must_win) == (None, {})
    assert decide_ranker([few, few], NAMES, SEED, must_win) == (None, {})
    enough, _ = decide_ranker([judged(MIN_USERS, clue=9, blend=0)], NAMES, SEED, must_win)
    assert enough is not None


def test_without_a_hit_there_is_nothing_to_learn() -> None:
    part = judged(300, clue=4, blend=1)
    nothing = Judged(part.features, part.blended, part.is_hit & False, part.n_relevant, part.users)
    assert decide_ranker([nothing], NAMES, SEED, must_win=False) == (None, {})
