"""Items whose landed vectors (pictures, sound, anything) are near those of what the user liked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from include.interactions.catalogue import Catalogue
from include.interactions.training_data import TrainingData
from include.retrieval.source import Relation, require
from include.retrieval.text import Text, TextParams, centred_unit_rows, unit_rows


@dataclass(frozen=True)
class ItemVectors(Text):
    """As Text, over all kinds of landed vectors beside each other; a row counts each kind that it has alike.

    kinds: name and length of each kind, in the order of the columns.
    """

    name: ClassVar[str] = "item_vectors"
    params_type: ClassVar[type] = TextParams
    reason_with_evidence: ClassVar[str | None] = "much like {title}"
    reason_without: ClassVar[str] = "much like what you {verb}"
    untuned_weight: ClassVar[float] = 0.2
    relation: ClassVar[Relation | None] = Relation.SIMILAR
    speaks_of_sessions: ClassVar[bool] = True
    knows_new_items: ClassVar[bool] = True
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[TextParams, ...]] = (TextParams(), TextParams(half_life_days=30.0))
    wide_grid: ClassVar[tuple[TextParams, ...]] = (TextParams(half_life_days=7), TextParams(power=1))

    kinds: tuple[tuple[str, int], ...] = ()

    @classmethod
    def fit(cls, training: TrainingData, params: TextParams, seed: int) -> Self:
        landed = training.catalogue.vectors
        require(bool(landed), cls.name, "no item has landed with vectors")
        kinds = tuple((name, landed[name].shape[1]) for name in sorted(landed))
        means = [rows[_is_given(rows)].mean(axis=0) for rows in (landed[name] for name, _ in kinds)]
        n_given = int(_is_given(np.hstack([landed[name] for name, _ in kinds])).sum())
        require(n_given >= 2, cls.name, f"only {n_given} item has vectors")
        mean = np.concatenate(means).astype(np.float32)
        return cls(beside_each_other(landed, kinds, mean, training.n_items), mean, params, kinds)

    def over(self, catalogue: Catalogue) -> Self:
        """A kind that lands with another length than the model knows says nothing until the next training."""
        rows = beside_each_other(catalogue.vectors, self.kinds, self.mean, len(catalogue))
        return type(self)(rows, self.mean, self.params, self.kinds)

    def arrays(self) -> dict[str, np.ndarray]:
        names, lengths = zip(*self.kinds, strict=True)
        return {**super().arrays(), "kinds": np.array(names, dtype=str), "lengths": np.array(lengths)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: TextParams) -> Self:
        kinds = tuple(zip(arrays["kinds"].tolist(), arrays["lengths"].tolist(), strict=True))
        return cls(arrays["embeddings"], arrays["mean"], params, kinds)


def beside_each_other(
    landed: Mapping[str, np.ndarray], kinds: Sequence[tuple[str, int]], mean: np.ndarray, n_items: int
) -> np.ndarray:
    """float32 (n_items, sum of lengths): each kind centred at unit length, then the whole row."""
    parts, at = [], 0
    for name, length in kinds:
        rows = landed.get(name)
        if rows is None or rows.shape[1] != length:
            rows = np.zeros((n_items, length), np.float32)
        parts.append(centred_unit_rows(rows, mean[at : at + length]))
        at += length
    return unit_rows(np.hstack(parts))


def _is_given(rows: np.ndarray) -> np.ndarray:
    return np.abs(rows).sum(axis=1) > 0
