"""Items that belong to what the person took: the same series, author, an accessory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import HalfLife, NotNegative, values
from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories
from include.interactions.item_relations import ItemRelations
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import Contributions, by_column, matrix_contributions
from include.retrieval.item_item_matrix import dense_product, pack_csr, unpack_csr
from include.retrieval.source import Relation, require


@values
class RelatedParams:
    power: NotNegative = 0.0
    """Weights count to this power: 0 treats every pair alike, 1 keeps the confidence as it is."""

    half_life_days: HalfLife = None
    """Decay on top of the one inside the weights; none by default."""


@dataclass(frozen=True)
class Related:
    """weights: CSR float32 (n_items, n_items), symmetric.  kind: CSR int32 of the same pattern, 1 + the index
    in `names` of the relation that says most.  names: str (n_names,)."""

    name: ClassVar[str] = "related"
    params_type: ClassVar[type] = RelatedParams
    reason_with_evidence: ClassVar[str | None] = "goes with {title}"
    reason_without: ClassVar[str] = "goes with what you {verb}"
    untuned_weight: ClassVar[float] = 0.2
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = True
    knows_new_items: ClassVar[bool] = True
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[RelatedParams, ...]] = (RelatedParams(), RelatedParams(half_life_days=30.0))
    wide_grid: ClassVar[tuple[RelatedParams, ...]] = (
        RelatedParams(half_life_days=7),
        RelatedParams(power=1),
    )

    weights: sp.csr_matrix
    kind: sp.csr_matrix
    names: np.ndarray
    params: RelatedParams

    @classmethod
    def fit(cls, training: TrainingData, params: RelatedParams, seed: int) -> Self:
        relations = training.catalogue.relations
        require(relations is not None, cls.name, "no relation between two known items has landed")
        require(training.histories.weights.nnz > 0, cls.name, "no user has an item")
        assert relations is not None
        return cls(*related_weights(relations, training.n_items), relations.names, params)

    def over(self, catalogue: Catalogue) -> Self:
        """The same source over a grown catalogue, by the relations that are known today."""
        n_items, relations = len(catalogue), catalogue.relations
        if relations is None:
            nothing = sp.csr_matrix((n_items, n_items), dtype=np.float32)
            return type(self)(nothing, nothing.astype(np.int32), self.names, self.params)
        return type(self)(*related_weights(relations, n_items), relations.names, self.params)

    def score(self, histories: Histories) -> np.ndarray:
        """Sum of the relations between each item and the user's."""
        history = histories.matrix(self.params.power, self.params.half_life_days)
        return dense_product(history, self.weights)

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> Contributions:
        weights = histories.values(self.params.power, self.params.half_life_days)
        return matrix_contributions(histories, weights, self._by_column, rows, items)

    @cached_property
    def _by_column(self) -> sp.csc_matrix | np.ndarray:
        return by_column(self.weights)

    def name_of(self, item: int, other: int) -> str | None:
        """What the two are to each other; None: nothing."""
        kind = int(self.kind[item, other])
        return str(self.names[kind - 1]) if kind else None

    def arrays(self) -> dict[str, np.ndarray]:
        kind = {f"kind_{key}": array for key, array in pack_csr(self.kind).items()}
        return {**pack_csr(self.weights), **kind, "names": self.names.astype(str)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: RelatedParams) -> Self:
        kind = {key.removeprefix("kind_"): array for key, array in arrays.items() if key.startswith("kind_")}
        return cls(unpack_csr(arrays), unpack_csr(kind), arrays["names"], params)


def related_weights(relations: ItemRelations, n_items: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """(weights, kind) as `Related` holds them.

    A relation tells less the more items an item has it with: an author of five books says more of each than
    a label of five thousand. Each weight is divided by the root of the number of relations of that name on
    either side (the symmetric normalisation of Kipf, Welling 2017, eq. 2).
    """
    item = np.concatenate((relations.item, relations.other))
    other = np.concatenate((relations.other, relations.item))
    name, weight = np.tile(relations.name, 2), np.tile(relations.weight, 2)
    n_names = max(1, len(relations.names))
    degree = np.bincount(item.astype(np.int64) * n_names + name, minlength=n_items * n_names)
    share = weight / np.sqrt(degree[item.astype(np.int64) * n_names + name])
    share /= np.sqrt(degree[other.astype(np.int64) * n_names + name])
    weights = sp.csr_matrix((share.astype(np.float32), (item, other)), (n_items, n_items))
    # The strongest name of a pair: the first of each, by weight falling and then by name.
    order = np.lexsort((name, -share, other, item))
    pair = item[order].astype(np.int64) * n_items + other[order]
    first = order[np.concatenate(([True], pair[1:] != pair[:-1]))] if len(pair) else order
    kind = sp.csr_matrix(
        ((name[first] + 1).astype(np.int32), (item[first], other[first])), (n_items, n_items)
    )
    return weights, kind
