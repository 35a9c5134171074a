"""Which labels an item has: those it landed with, and those that its text is sure of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from include.config.understanding import label_key
from include.interactions.catalogue import Catalogue
from include.interactions.labels import Labels

LANDED = "landed"
LEARNED = "learned"  # from the texts of the items that landed with the label
PROMPT = "prompt"  # from the words of the label alone
TOPIC = "topic"
CHAT = "chat"  # a chat model says so of its text
ORIGINS = (LANDED, LEARNED, PROMPT, CHAT, TOPIC)
# Below it a text is not sure: nothing is said.
MIN_CONFIDENCE = 0.5
MAX_GUESSED = 3  # labels of one attribute that a text may give an item


@dataclass(frozen=True)
class AttributeModel:
    """Labels and how a text tells that an item has them: with confidence sigmoid(text · direction + bias).

    attribute, name, origin: str (n_labels,).
    direction: float32 (n_labels, d), against centred texts of length 1; a row of zeros for a label that no
    text tells.  bias: float32 (n_labels,).
    is_grouped: bool (n_labels,), of a taxonomy or a topic: looked for in every item that landed with no other
    label of its attribute.  The rest is looked for in items that landed with no label at all.
    base: float32 (n_labels,), the share of everyone's interest that goes to the label.
    """

    attribute: np.ndarray
    name: np.ndarray
    origin: np.ndarray
    direction: np.ndarray
    bias: np.ndarray
    is_grouped: np.ndarray
    base: np.ndarray

    def __len__(self) -> int:
        return len(self.name)

    def label_items(self, catalogue: Catalogue, texts: np.ndarray | None) -> Labels:
        """Labels of every item.  texts: float32 (n_items, d), centred, unit length or zero; None: no texts.

        What an item landed with is taken as it is, with confidence 1; then what a chat model says of a group
        of the taxonomy. The rest is judged by its text: at most MAX_GUESSED labels of an attribute, each with
        at least MIN_CONFIDENCE.
        """
        landed = self._said(catalogue)
        judged = np.flatnonzero(np.abs(self.direction).sum(axis=1) > 0)
        if texts is None or not len(judged) or texts.shape[1] != self.direction.shape[1]:
            return Labels(self.attribute, self.name, landed)
        guessed = sp.lil_matrix(landed.shape, dtype=np.float32)
        has_text = np.abs(texts).sum(axis=1) > 0
        for attribute in dict.fromkeys(self.attribute[judged].tolist()):
            of_attribute = np.flatnonzero(self.attribute == attribute)
            columns = np.intersect1d(of_attribute, judged)
            said = landed[:, of_attribute] if self.is_grouped[columns].any() else landed
            rows = np.flatnonzero(has_text & (np.diff(said.indptr) == 0))
            confidence = _sigmoid(texts[rows] @ self.direction[columns].T + self.bias[columns])
            worst_kept = -np.sort(-confidence, axis=1)[:, :MAX_GUESSED][:, -1:]
            row, column = np.nonzero((confidence >= MIN_CONFIDENCE) & (confidence >= worst_kept))
            guessed[rows[row], columns[column]] = confidence[row, column]
        return Labels(self.attribute, self.name, sp.csr_matrix(landed + guessed.tocsr()))

    def origin_of(self, catalogue: Catalogue, labels: Labels) -> np.ndarray:
        """str, for each entry of labels.of: LANDED or CHAT where it is so of that item, else the label's."""
        landed, told = self._landed(catalogue), self._said(catalogue)
        n_labels = max(1, len(self))
        rows = np.repeat(np.arange(labels.of.shape[0]), np.diff(labels.of.indptr))
        entries = rows * n_labels + labels.of.indices
        landed_rows = np.repeat(np.arange(landed.shape[0]), np.diff(landed.indptr))
        is_landed = np.isin(entries, landed_rows * n_labels + landed.indices)
        told_rows = np.repeat(np.arange(told.shape[0]), np.diff(told.indptr))
        is_told = np.isin(entries, told_rows * n_labels + told.indices)
        return np.where(is_landed, LANDED, np.where(is_told, CHAT, self.origin[labels.of.indices]))

    def _said(self, catalogue: Catalogue) -> sp.csr_matrix:
        """CSR float32 (n_items, n_labels): landed, and of groups without a landed label what was told."""
        landed = self._landed(catalogue)
        if catalogue.told is None:
            return landed
        told = self._onto(catalogue.told).tolil()
        for attribute in np.unique(self.attribute):
            columns = np.flatnonzero(self.attribute == attribute)
            has_landed = np.diff(landed[:, columns].indptr) > 0
            told[np.ix_(np.flatnonzero(has_landed), columns)] = 0
        return sp.csr_matrix(landed + told.tocsr())

    def _landed(self, catalogue: Catalogue) -> sp.csr_matrix:
        """CSR float32 (n_items, n_labels) of the labels that the model knows too, whatever their case."""
        if catalogue.labels is None:
            return sp.csr_matrix((len(catalogue), len(self)), dtype=np.float32)
        return self._onto(catalogue.labels)

    def _onto(self, labels: Labels) -> sp.csr_matrix:
        """CSR float32 (n_items, n_labels): entries of other labels at the places of this model's."""
        places = {label_key(name): place for place, name in enumerate(self.name.tolist())}
        place = [places.get(label_key(name), -1) for name in labels.name.tolist()]
        known = np.flatnonzero(np.array(place, dtype=np.int64) >= 0)
        onto = sp.csr_matrix(
            (np.ones(len(known), np.float32), (known, np.array(place, dtype=np.int64)[known])),
            (len(place), len(self)),
        )
        return sp.csr_matrix(labels.of @ onto)

    def arrays(self) -> dict[str, np.ndarray]:
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> AttributeModel:
        return cls(**arrays)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -30, 30)))
