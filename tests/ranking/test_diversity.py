import numpy as np

from include.interactions.catalogue import make_catalogue
from include.ranking.diversity import Diversity, diversify

# Items 0 and 1 are the same thing, 2 is another.
CATALOGUE = make_catalogue(
    np.array(["a", "b", "c"]),
    category=np.array(["x", "x", "y"]),
    embeddings=np.array([[1.0, 0], [1, 0], [0, 1]]),
)
ITEMS, SCORE = np.array([[0, 1, 2]]), np.array([[1.0, 0.9, 0.0]])


def order(diversity: Diversity, score=SCORE, n=3) -> list[int]:
    return diversify(ITEMS, score, n, CATALOGUE, diversity)[0].tolist()


def test_no_strength_keeps_the_order():
    assert order(Diversity()) == [0, 1, 2]


def test_mmr_by_hand():
    """After item 0: item 1 is worth .5 x .9 - .5 x 1 < 0, item 2 exactly 0."""
    assert order(Diversity(strength=0.5)) == [0, 2, 1]
    assert order(Diversity(strength=0.4)) == [0, 1, 2]  # .6 x .9 - .4 = .14 > 0
    assert order(Diversity(strength=0.5, by="category")) == [0, 2, 1]


def test_a_category_over_its_cap_comes_last():
    assert order(Diversity(max_per_category=1)) == [0, 2, 1]


def test_hidden_candidates_are_never_before_real_ones():
    score = np.array([[1.0, -np.inf, 0.0]])
    assert order(Diversity(strength=0.9), score) == [0, 2, 1]
    assert order(Diversity(strength=0.9), score, n=2) == [0, 2]
