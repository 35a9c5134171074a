"""The k best columns of each row."""

from __future__ import annotations

import numpy as np
import pytest

from include.ranking.blend import top_k

RNG = np.random.default_rng(5)
SPREAD = RNG.standard_normal((7, 900)).astype(np.float32)


def by_sorting(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


@pytest.mark.parametrize(
    "scores",
    [
        SPREAD,
        # A source that knows a few items: fewer than k, and many more than k.
        np.where(RNG.random(SPREAD.shape) < 0.02, SPREAD, 0).astype(np.float32),
        np.where(RNG.random(SPREAD.shape) < 0.3, SPREAD, 0).astype(np.float32),
        np.zeros_like(SPREAD),
        np.where(RNG.random(SPREAD.shape) < 0.97, -np.inf, SPREAD).astype(np.float32),
        # All of the best beside each other, or a fixed number of columns apart.
        np.sort(SPREAD, axis=1),
        np.where(np.arange(900) % 40 == 3, 5, SPREAD).astype(np.float32),
    ],
    ids=["spread", "few", "some", "flat", "hidden", "sorted", "periodic"],
)
@pytest.mark.parametrize("k", [1, 10, 50, 899, 2000])
def test_the_k_largest_best_first_and_the_first_of_equals(scores, k):
    np.testing.assert_array_equal(top_k(scores, k), by_sorting(scores, k))


def test_wider_numbers_are_taken_too():
    np.testing.assert_array_equal(top_k(SPREAD.astype(np.float64), 10), by_sorting(SPREAD, 10))


def test_zero_is_zero_whatever_its_sign():
    scores = np.where(np.arange(900) % 2, np.float32(0), np.float32(-0.0))[None]
    np.testing.assert_array_equal(top_k(scores, 10), np.arange(10)[None])


def test_no_rows():
    assert top_k(np.zeros((0, 900), np.float32), 10).shape == (0, 10)
