"""Items nobody has touched yet borrow the scores of the items whose texts are nearest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.ranking.blend import top_k

# exp(-PRECISION |a - b|²) of two unit vectors. Flat from 0.3 to 1 on MovieLens-100K and a gift shop.
PRECISION = 0.6
# Variance of a known item's own score beside that of the text's part; flat from 0.03 to 0.3.
NOISE = 0.1
# Cold items solved for at a time: their neighbours' vectors take some 40 MB.
SOLVED_AT_ONCE = 512


@dataclass(frozen=True)
class ColdItems:
    """items: int64 (n_cold,), indices of the catalogue.  guess: CSR float32 (n_items, n_cold): a person's
    scores of the known items @ guess are what their taste makes of the cold ones."""

    items: np.ndarray
    guess: sp.csr_matrix

    def among(self, items: np.ndarray) -> np.ndarray:
        """bool of the shape of items, indices of the catalogue: which are cold."""
        is_cold = np.zeros(self.guess.shape[0], dtype=bool)
        is_cold[self.items] = True
        return is_cold[items]


def find_cold_items(embeddings: np.ndarray | None, n_users: np.ndarray, neighbours: int) -> ColdItems | None:
    """Kriging: the best linear guess of each cold item's score from its nearest known items' scores.

    embeddings: float32 (n_items, d), centred, of unit length or zero.  n_users: (n_items,), 0: a cold item.
    Scores are taken for a Gaussian process over texts, with kernel exp(-PRECISION |a - b|²): what is near
    nothing borrows nothing, and two neighbours that say the same count once; a plain mean of neighbours has
    neither.  None where there is no cold item with a text, or none to borrow from.
    Source: Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", eq. 2.25, on nearest
    neighbours as in Vecchia 1988.
    """
    if embeddings is None:
        return None
    has_text = np.abs(embeddings).sum(axis=1) > 0
    cold, known = np.flatnonzero((n_users == 0) & has_text), np.flatnonzero((n_users > 0) & has_text)
    if not len(cold) or not len(known):
        return None
    k = min(neighbours, len(known))
    nearest, weights = np.empty((len(cold), k), np.int64), np.empty((len(cold), k), np.float32)
    for start in range(0, len(cold), SOLVED_AT_ONCE):
        rows = slice(start, start + SOLVED_AT_ONCE)
        similarity = embeddings[cold[rows]] @ embeddings[known].T
        places = top_k(similarity, k)
        nearest[rows] = known[places]
        weights[rows] = _weights(embeddings[nearest[rows]], np.take_along_axis(similarity, places, axis=1))
    columns = np.repeat(np.arange(len(cold)), k)
    shape = (len(embeddings), len(cold))
    return ColdItems(cold, sp.csr_matrix((weights.ravel(), (nearest.ravel(), columns)), shape))


def _weights(neighbours: np.ndarray, similarity: np.ndarray) -> np.ndarray:
    """float64 (n, k).  neighbours: unit rows (n, k, d); similarity: (n, k), cosines to the item itself."""
    between = np.exp(-2 * PRECISION * (1 - neighbours @ neighbours.transpose(0, 2, 1).astype(np.float64)))
    between += NOISE * np.eye(between.shape[1])
    to_item = np.exp(-2 * PRECISION * (1 - similarity.astype(np.float64)))
    return np.linalg.solve(between, to_item[..., None])[..., 0]
