"""What the people most like this one took: user neighbours by cosine, decayed by age on both sides."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp

from include.config.section import AtLeastOne, HalfLife, NotNegative, values
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.item_item_matrix import pack_csr, unpack_csr
from include.retrieval.source import Relation, require

# One block's dense similarities; rows of a block are independent, so its size changes no score.
SIMILARITY_BYTES = 32 * 1024**2


@values
class UserToUserParams:
    neighbours: AtLeastOne = 1000
    """People who speak for a person: the most similar ones."""

    half_life_days: HalfLife = 20.0
    """After so many days a taking counts half, in the person's own history and in the neighbours'."""

    sharpness: NotNegative = 1.0
    """Power of the cosine: 2 lets the nearest speak louder than the many."""

    power: NotNegative = 0.0
    """Weights count to this power: 0 treats every pair alike, 1 keeps the confidence as it is."""

    max_people: AtLeastOne = 20_000
    """People who can be neighbours, drawn at random beyond this many: a list costs what they hold, not what
    the lake holds."""


@dataclass(frozen=True)
class UserToUser:
    """people: CSR float32 (n_people, n_items), decayed histories; no row says whose it is."""

    name: ClassVar[str] = "user_to_user"
    params_type: ClassVar[type] = UserToUserParams
    reason_with_evidence: ClassVar[str | None] = None
    reason_without: ClassVar[str] = "people who {verb} what you did also {verb} this"
    untuned_weight: ClassVar[float] = 0.3
    relation: ClassVar[Relation | None] = None
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[UserToUserParams, ...]] = (
        UserToUserParams(),
        UserToUserParams(half_life_days=20, sharpness=2),
        UserToUserParams(neighbours=200, half_life_days=60, sharpness=2),
    )
    wide_grid: ClassVar[tuple[UserToUserParams, ...]] = (
        UserToUserParams(half_life_days=60),
        UserToUserParams(half_life_days=180),
        UserToUserParams(neighbours=200, half_life_days=365),
        UserToUserParams(neighbours=200, half_life_days=None),
        UserToUserParams(neighbours=200, half_life_days=60, power=1),
    )

    people: sp.csr_matrix
    params: UserToUserParams

    @classmethod
    def fit(cls, training: TrainingData, params: UserToUserParams, seed: int) -> Self:
        histories = training.histories
        candidates = np.flatnonzero(histories.lengths() > 0)
        require(len(candidates) > 1, cls.name, "fewer than two people have a history")
        if len(candidates) > params.max_people:
            drawn = np.random.default_rng(seed).choice(candidates, params.max_people, replace=False)
            candidates = np.sort(drawn)
        people = histories.rows(candidates).matrix(params.power, params.half_life_days)
        return cls(people, params)

    def score(self, histories: Histories) -> np.ndarray:
        """Σ over the nearest people of cosine^sharpness x what they hold.

        Whoever is among the people is a neighbour of their own, at cosine 1; that lifts nothing but what
        they hold already.
        """
        history = _unit_rows(histories.matrix(self.params.power, self.params.half_life_days))
        scores = np.zeros(history.shape, dtype=np.float32)
        step = max(1, SIMILARITY_BYTES // (4 * self.people.shape[0]))
        for start in range(0, histories.n_users, step):
            block = slice(start, start + step)
            similarity = (history[block] @ self._by_item).toarray()
            nearest = _nearest(similarity, self.params.neighbours)
            nearest.data **= np.float32(self.params.sharpness)
            scores[block] = (nearest @ self.people).toarray()
        return scores

    @cached_property
    def _by_item(self) -> sp.csr_matrix:
        return sp.csr_matrix(_unit_rows(self.people).T)

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> None:
        return None

    def arrays(self) -> dict[str, np.ndarray]:
        return pack_csr(self.people)

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: UserToUserParams) -> Self:
        return cls(unpack_csr(arrays), params)


def _unit_rows(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Each row divided by its Euclidean length."""
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1), dtype=np.float64).ravel())
    scale = np.repeat(1 / np.where(lengths > 0, lengths, 1), np.diff(matrix.indptr))
    data = (matrix.data * scale).astype(np.float32)
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), matrix.shape)


def _nearest(similarity: np.ndarray, n_kept: int) -> sp.csr_matrix:
    """CSR of the n_kept largest entries above 0 of each row of (n_users, n_people)."""
    if similarity.shape[1] > n_kept:
        least = np.partition(similarity, -n_kept, axis=1)[:, -n_kept]
        # People exactly as near as the last one are all kept: which of them came first must not matter.
        similarity[similarity < least[:, None]] = 0
    return sp.csr_matrix(similarity)
