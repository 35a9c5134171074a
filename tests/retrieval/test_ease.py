import numpy as np
import scipy.sparse as sp

from include.retrieval.ease import exact_weights, neighbourhood_weights, with_texts


def test_two_items_by_hand():
    """G = [[2, 1], [1, 2]], λ = 1: ridge of one item on the other is 1 / (2 + 1)."""
    weights = exact_weights(np.array([[2.0, 1.0], [1.0, 2.0]]), 1.0)
    np.testing.assert_allclose(weights, [[0, 1 / 3], [1 / 3, 0]], rtol=1e-6)


def test_neighbourhood_of_everyone_is_the_exact_form():
    matrix = sp.random_array(
        (40, 9), density=0.4, rng=np.random.default_rng(3), format="csr", dtype=np.float32
    )
    exact = exact_weights((matrix.T @ matrix).toarray(), 2.0, 0.5)
    near = neighbourhood_weights(sp.csr_matrix(matrix), 2.0, 0.5, n_neighbours=9).toarray()
    np.testing.assert_allclose(near, exact, atol=1e-5)
    few = neighbourhood_weights(sp.csr_matrix(matrix), 2.0, 0.5, n_neighbours=3)
    assert np.diff(few.tocsc().indptr).max() == 3


def test_texts_join_items_that_nobody_took_together():
    """No user: G = 0.  Items 0 and 1 read alike, 2 is their opposite; weight 6, λ 1."""
    gram = with_texts(np.zeros((3, 3), np.float32), np.array([[1.0], [1.0], [-2.0]]), 6.0)
    np.testing.assert_allclose(gram, 6 * np.outer([1, 1, -1], [1, 1, -1]), rtol=1e-6)
    weights = exact_weights(gram, 1.0)
    assert weights[0, 1] > 0 > weights[0, 2]
    assert (with_texts(np.eye(3), None, 6.0) == np.eye(3)).all()
