"""Items whose texts read like the texts of what the user liked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import HalfLife, NotNegative, values
from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import DenseContributions, UserParts, pairs_of_users
from include.retrieval.source import Relation, require


@values
class TextParams:
    power: NotNegative = 0.0
    """Weights count to this power: 0 treats every pair alike, 1 keeps the confidence as it is."""

    half_life_days: HalfLife = None
    """Decay on top of the one inside the weights; none by default."""


@dataclass(frozen=True)
class Text:
    """embeddings: float32 (n_items, d), centred, rows of unit length or zero; mean: float32 (d,)."""

    name: ClassVar[str] = "text"
    params_type: ClassVar[type] = TextParams
    reason_with_evidence: ClassVar[str | None] = "similar to {title}"
    reason_without: ClassVar[str] = "similar to what you {verb}"
    untuned_weight: ClassVar[float] = 0.2
    relation: ClassVar[Relation | None] = Relation.SIMILAR
    speaks_of_sessions: ClassVar[bool] = True
    knows_new_items: ClassVar[bool] = True
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[TextParams, ...]] = (TextParams(), TextParams(half_life_days=30.0))
    wide_grid: ClassVar[tuple[TextParams, ...]] = (TextParams(half_life_days=7), TextParams(power=1))

    embeddings: np.ndarray
    mean: np.ndarray
    params: TextParams

    @classmethod
    def fit(cls, training: TrainingData, params: TextParams, seed: int) -> Self:
        embeddings = training.catalogue.embeddings
        require(embeddings is not None, cls.name, "the catalogue has no text embeddings")
        assert embeddings is not None
        has_text = np.abs(embeddings).sum(axis=1) > 0
        require(int(has_text.sum()) >= 2, cls.name, f"only {int(has_text.sum())} items have a text")
        mean = embeddings[has_text].mean(axis=0)
        return cls(centred_unit_rows(embeddings, mean), mean, params)

    def over(self, catalogue: Catalogue) -> Self:
        """The same source over a grown catalogue: new items count by their text at once."""
        if catalogue.embeddings is None:
            spare = np.zeros((len(catalogue) - len(self.embeddings), self.embeddings.shape[1]), np.float32)
            rows = np.concatenate((self.embeddings, spare))
        else:
            rows = centred_unit_rows(catalogue.embeddings, self.mean)
        return type(self)(rows, self.mean, self.params)

    def score(self, histories: Histories) -> np.ndarray:
        """Cosine between each item and the weighted mean of the user's items."""
        profile = np.asarray(self._history(histories) @ self.embeddings, dtype=np.float32)
        norms = np.linalg.norm(profile, axis=1, keepdims=True)
        return (profile / np.where(norms > 0, norms, 1)) @ self.embeddings.T

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> DenseContributions:
        values = histories.values(self.params.power, self.params.half_life_days)
        parts = []
        for user, pairs in pairs_of_users(rows):
            part = histories.row(user)
            history = histories.weights.indices[part]
            liked = self.embeddings[history] * values[part, None]
            norm = np.linalg.norm(liked.sum(axis=0))
            value = (self.embeddings[items[pairs]] @ liked.T) / (norm if norm > 0 else 1)
            parts.append(UserParts(pairs, history, value))
        return DenseContributions(tuple(parts))

    def _history(self, histories: Histories) -> sp.csr_matrix:
        return histories.matrix(self.params.power, self.params.half_life_days)

    def arrays(self) -> dict[str, np.ndarray]:
        return {"embeddings": self.embeddings, "mean": self.mean}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: TextParams) -> Self:
        return cls(arrays["embeddings"], arrays["mean"], params)


def centred_unit_rows(embeddings: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Rows minus the catalogue's mean, at unit length; a row of zeros (no text) stays zero.

    Without centring all texts of one shop look alike: the shared direction drowns the rest.
    """
    has_text = np.abs(embeddings).sum(axis=1, keepdims=True) > 0
    return unit_rows(np.where(has_text, embeddings - mean, 0).astype(np.float32))


def unit_rows(rows: np.ndarray) -> np.ndarray:
    """Rows at length 1; one of zeros stays."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 1e-6, norms, 1)
