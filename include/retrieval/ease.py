"""EASE: a linear item-item model with a closed form, or its neighbourhood form where items are many."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import scipy.linalg
import scipy.sparse as sp

from include.config.section import AtLeastOne, HalfLife, NotNegative, values
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import Contributions, by_column, matrix_contributions
from include.retrieval.item_item_matrix import dense_product, gram, keep_strongest, pack_csr, unpack_csr
from include.retrieval.source import Relation, require
from include.retrieval.text import centred_unit_rows


@values
class EaseParams:
    regularization: NotNegative = 300.0
    """Pull of the item weights to 0. Flat between 200 and 400 on MovieLens-100K; larger data wants more."""

    dropout: NotNegative = 0.5
    """Share of a history hidden in the fit. +0.003 nDCG@10 over 0 on MovieLens-100K, and regularization
    matters less."""

    power: NotNegative = 0.0
    """Weights count to this power: 0 treats every pair alike, 1 keeps the confidence as it is."""

    half_life_days: HalfLife = None
    """Decay on top of the one inside the weights; none by default."""

    text_weight: NotNegative = 30.0
    """What the item texts add: +0.001 nDCG@10 on MovieLens' inner splits, and it carries items with few
    events."""

    max_exact_items: AtLeastOne = 6000
    """Beyond it a neighbourhood form: the inverse takes O(items^3), 3 s at 4,000 items on 2 cores, 8 s at
    6,000."""

    neighbours: AtLeastOne = 150
    """Items kept of each item in the neighbourhood form."""


@values
class WeightedEaseParams(EaseParams):
    """Weights as they are, so that five stars, or five visits, say more than one."""

    regularization: NotNegative = 1500.0
    """Weights of 1 to 5 make the Gram matrix about ten times that of ones."""

    power: NotNegative = 1.0
    """Weights count to this power."""


@dataclass(frozen=True)
class Ease:
    """weights: float32 (n_items, n_items) with zero diagonal, dense when exact, else CSR."""

    name: ClassVar[str] = "ease"
    params_type: ClassVar[type] = EaseParams
    reason_with_evidence: ClassVar[str | None] = "because you {verb} {title}"
    reason_without: ClassVar[str] = "people with your taste {verb} this"
    untuned_weight: ClassVar[float] = 1.0
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = True
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[EaseParams, ...]] = (
        EaseParams(regularization=200),
        EaseParams(regularization=50),
        EaseParams(regularization=200, half_life_days=60),
    )
    wide_grid: ClassVar[tuple[EaseParams, ...]] = (
        EaseParams(regularization=1000),
        EaseParams(regularization=20),
        EaseParams(regularization=200, dropout=0),
        EaseParams(regularization=200, text_weight=0),
        EaseParams(regularization=200, half_life_days=20),
        EaseParams(regularization=200, half_life_days=180),
    )

    weights: np.ndarray | sp.csr_matrix
    params: EaseParams

    @classmethod
    def fit(cls, training: TrainingData, params: EaseParams, seed: int) -> Self:
        """Minimise |X - XB|² + |Λ^½ B|² with diag(B) = 0.

        Source: Steck 2019, eq. 8, with Λ = λ I + p / (1 - p) diag(X'X), which is dropout p on the
        input in expectation (Steck 2020, "Autoencoders that don't overfit towards the identity", eq. 5).
        """
        histories = training.histories
        require(bool((histories.lengths() > 1).any()), cls.name, "no user has two items")
        matrix = histories.matrix(params.power, params.half_life_days)
        if training.n_items <= params.max_exact_items:
            item_gram = with_texts(gram(matrix), training.catalogue.embeddings, params.text_weight)
            return cls(exact_weights(item_gram, params.regularization, params.dropout), params)
        return cls(
            neighbourhood_weights(matrix, params.regularization, params.dropout, params.neighbours), params
        )

    def score(self, histories: Histories) -> np.ndarray:
        return dense_product(histories.matrix(self.params.power, self.params.half_life_days), self.weights)

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> Contributions:
        weights = histories.values(self.params.power, self.params.half_life_days)
        return matrix_contributions(histories, weights, self._by_column, rows, items)

    @cached_property
    def _by_column(self) -> sp.csc_matrix | np.ndarray:
        return by_column(self.weights)

    def arrays(self) -> dict[str, np.ndarray]:
        return pack_csr(self.weights) if sp.issparse(self.weights) else {"dense": self.weights}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: EaseParams) -> Self:
        return cls(arrays["dense"] if "dense" in arrays else unpack_csr(arrays), params)


@dataclass(frozen=True)
class WeightedEase(Ease):
    """EASE over confidences instead of ones, as a source of its own."""

    name: ClassVar[str] = "ease_weighted"
    params_type: ClassVar[type] = WeightedEaseParams
    reason_with_evidence: ClassVar[str | None] = "because you {verb} {title}"
    reason_without: ClassVar[str] = "people with your taste {verb} this"
    untuned_weight: ClassVar[float] = 0.2
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = True
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[WeightedEaseParams, ...]] = (WeightedEaseParams(),)
    wide_grid: ClassVar[tuple[WeightedEaseParams, ...]] = (
        WeightedEaseParams(regularization=5000),
        WeightedEaseParams(regularization=300),
        WeightedEaseParams(half_life_days=60),
    )

    @classmethod
    def fit(cls, training: TrainingData, params: EaseParams, seed: int) -> Self:
        """As Ease.fit.  Raises SourceUnavailable also where all events weigh the same: EASE says it all."""
        weights = training.events.weight
        require(len(weights) > 0 and weights.min() < weights.max(), cls.name, "all events have one weight")
        return super().fit(training, params, seed)


def with_texts(item_gram: np.ndarray, embeddings: np.ndarray | None, weight: float) -> np.ndarray:
    """X'X + weight E E': each text dimension counts as `weight` more users who took items by that dimension.

    Source: Jeunen, Van Balen, Goethals 2020, "Closed-form models for collaborative filtering with
    side-information", eq. 6.  Texts are centred unit rows, as in the text source.
    """
    if embeddings is None or weight == 0:
        return item_gram
    has_text = np.abs(embeddings).sum(axis=1) > 0
    if not has_text.any():
        return item_gram
    rows = centred_unit_rows(embeddings, embeddings[has_text].mean(axis=0))
    return item_gram + np.float32(weight) * (rows @ rows.T)


def exact_weights(item_gram: np.ndarray, regularization: float, dropout: float = 0.0) -> np.ndarray:
    """B = I - P diag(1 / diag P) with P = (X'X + Λ)^-1 (Steck 2019, eq. 8).

    Cholesky in float64: float32 loses the small eigenvalues that λ leaves.
    """
    system = item_gram.astype(np.float64)
    system[np.diag_indices_from(system)] += regularization + dropout / (1 - dropout) * np.diag(item_gram)
    factor, lower = scipy.linalg.cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    inverse, info = scipy.linalg.lapack.dpotri(factor, lower=lower, overwrite_c=True)
    assert info == 0, f"dpotri failed with {info}"
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    weights = inverse / -np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0.0)
    return weights.astype(np.float32)


def neighbourhood_weights(
    matrix: sp.csr_matrix, regularization: float, dropout: float, n_neighbours: int
) -> sp.csr_matrix:
    """Each column of EASE is the ridge regression of that item on all others; here on its nearest by cosine.

    Equal to `exact_weights` when n_neighbours covers all items.  O(items x neighbours^3).
    """
    n_items = matrix.shape[1]
    norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel())
    inverse_norms = 1 / np.where(norms > 0, norms, 1)
    by_item = sp.csr_matrix(matrix.T)
    columns = sp.csc_matrix(matrix)
    data, indices, indptr = [], [], [0]
    step = max(1, 16_000_000 // n_items)
    for start in range(0, n_items, step):
        products = sp.csr_matrix(by_item[start : start + step] @ matrix)
        rows = np.repeat(np.arange(start, start + products.shape[0]), np.diff(products.indptr))
        products.data[rows == products.indices] = 0
        products.eliminate_zeros()
        cosine = sp.csr_matrix(products @ sp.diags_array(inverse_norms), dtype=np.float32)
        near = keep_strongest(cosine, n_neighbours)
        for row in range(near.shape[0]):
            items = near.indices[near.indptr[row] : near.indptr[row + 1]]
            if len(items):
                block = columns[:, items]
                system = np.asarray((block.T @ block).toarray(), dtype=np.float64)
                system[np.diag_indices_from(system)] += regularization + dropout / (1 - dropout) * np.diag(
                    system
                )
                right = np.asarray((block.T @ columns[:, [start + row]]).toarray(), dtype=np.float64).ravel()
                data.append(scipy.linalg.solve(system, right, assume_a="pos", check_finite=False))
                indices.append(items)
            indptr.append(indptr[-1] + len(items))
    # Rows so far are targets; scoring wants history x weights, so targets become columns.
    by_target = sp.csr_matrix(
        (
            np.concatenate(data).astype(np.float32) if data else np.zeros(0, np.float32),
            np.concatenate(indices) if indices else np.zeros(0, np.int32),
            np.array(indptr),
        ),
        (n_items, n_items),
    )
    return sp.csr_matrix(by_target.T)
