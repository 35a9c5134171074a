"""Item-to-item neighbours by cosine over BM25- or plainly weighted interactions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import AtLeastOne, HalfLife, NotNegative, values
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import Contributions, by_column, matrix_contributions
from include.retrieval.item_item_matrix import dense_product, keep_strongest, pack_csr, unpack_csr
from include.retrieval.source import Relation, require


@values
class ItemToItemParams:
    weighting: Literal["bm25", "cosine"] = "bm25"
    """bm25 damps heavy users and popular items before the product; cosine does not."""

    neighbours: AtLeastOne = 200
    """Items kept of each item; beyond that nDCG@10 no longer moves on MovieLens-100K."""

    shrinkage: NotNegative = 10.0
    """Co-occurrences that a pair of items needs before its similarity counts half."""

    k1: NotNegative = 1.2
    """BM25's saturation: Robertson & Zaragoza 2009, section 3.4, start from 1.2 and 0.75."""

    b: NotNegative = 0.75
    """BM25's damping by length, 0 to 1."""

    power: NotNegative = 0.0
    """Weights count to this power: 0 treats every pair alike, 1 keeps the confidence as it is."""

    half_life_days: HalfLife = None
    """Decay on top of the one inside the weights; none by default."""


@dataclass(frozen=True)
class ItemToItem:
    """similarity: CSR float32 (n_items, n_items); row j holds the items that j recommends."""

    name: ClassVar[str] = "item_to_item"
    params_type: ClassVar[type] = ItemToItemParams
    reason_with_evidence: ClassVar[str | None] = "people who {verb} {title} also {verb} this"
    reason_without: ClassVar[str] = "people with your taste {verb} this"
    untuned_weight: ClassVar[float] = 0.5
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = True
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[ItemToItemParams, ...]] = (
        ItemToItemParams(neighbours=1000, shrinkage=1),
        ItemToItemParams(neighbours=1000, shrinkage=1, half_life_days=60),
        ItemToItemParams(weighting="cosine", neighbours=100),
    )
    wide_grid: ClassVar[tuple[ItemToItemParams, ...]] = (
        ItemToItemParams(),
        ItemToItemParams(neighbours=1000, shrinkage=1, half_life_days=20),
        ItemToItemParams(neighbours=1000, shrinkage=50),
        ItemToItemParams(weighting="cosine", neighbours=1000, half_life_days=60),
    )

    similarity: sp.csr_matrix
    params: ItemToItemParams

    @classmethod
    def fit(cls, training: TrainingData, params: ItemToItemParams, seed: int) -> Self:
        """Item cosine with shrinkage n_ij / (n_ij + shrinkage) (Koren 2008, section 2.2)."""
        histories = training.histories
        require(
            bool((histories.lengths() > 1).any()), cls.name, "no user has two items in common with anyone"
        )
        weighted = histories.matrix(params.power)
        if params.weighting == "bm25":
            weighted = bm25(weighted, params.k1, params.b)
        norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=0)).ravel())
        weighted = sp.csr_matrix(
            weighted @ sp.diags_array(1 / np.where(norms > 0, norms, 1)), dtype=np.float32
        )
        support = histories.matrix(0.0)
        by_item, items = sp.csr_matrix(weighted.T), sp.csr_matrix(support.T)
        parts = []
        step = max(1, 16_000_000 // max(1, training.n_items))  # a block's product holds at most 16 M entries
        for start in range(0, training.n_items, step):
            block = sp.csr_matrix(by_item[start : start + step] @ weighted)
            together = sp.csr_matrix(items[start : start + step] @ support)
            block.sort_indices()
            together.sort_indices()
            block.data *= together.data / (together.data + np.float32(params.shrinkage))
            rows = np.repeat(np.arange(start, start + block.shape[0]), np.diff(block.indptr))
            block.data[rows == block.indices] = 0
            block.eliminate_zeros()
            parts.append(keep_strongest(block, params.neighbours))
        return cls(sp.csr_matrix(sp.vstack(parts), dtype=np.float32), params)

    def score(self, histories: Histories) -> np.ndarray:
        return dense_product(histories.matrix(self.params.power, self.params.half_life_days), self.similarity)

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> Contributions:
        weights = histories.values(self.params.power, self.params.half_life_days)
        return matrix_contributions(histories, weights, self._by_column, rows, items)

    @cached_property
    def _by_column(self) -> sp.csc_matrix | np.ndarray:
        return by_column(self.similarity)

    def arrays(self) -> dict[str, np.ndarray]:
        return pack_csr(self.similarity)

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: ItemToItemParams) -> Self:
        return cls(unpack_csr(arrays), params)


def bm25(matrix: sp.csr_matrix, k1: float, b: float) -> sp.csr_matrix:
    """Okapi BM25 with users as documents and items as terms.

    w = x (k1 + 1) / (k1 (1 - b + b |user| / mean |user|) + x) x idf(item).
    Source: Robertson & Zaragoza 2009, eq. 3.15; idf + 1 keeps an item that everyone has above zero.
    """
    lengths = np.asarray(matrix.sum(axis=1)).ravel()
    mean_length = lengths[lengths > 0].mean() if (lengths > 0).any() else 1.0
    users = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    n_users = np.bincount(matrix.indices, minlength=matrix.shape[1])
    idf = np.log1p((matrix.shape[0] - n_users + 0.5) / (n_users + 0.5))
    damped = k1 * (1 - b + b * lengths[users] / mean_length)
    data = matrix.data * (k1 + 1) / (damped + matrix.data) * idf[matrix.indices]
    return sp.csr_matrix((data.astype(np.float32), matrix.indices, matrix.indptr), matrix.shape)
