"""Alternating least squares on implicit feedback; a user is folded in against fixed item factors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
import scipy.sparse as sp
from implicit.cpu.als import AlternatingLeastSquares
from scipy.linalg.lapack import sposv
from threadpoolctl import threadpool_limits

from include.config.section import AtLeastOne, HalfLife, NotNegative, values
from include.errors import ModelError
from include.interactions.histories import Histories
from include.interactions.training_data import TrainingData
from include.retrieval.contributions import DenseContributions, UserParts, pairs_of_users
from include.retrieval.source import Relation, require

MIN_USERS = 2
MIN_ITEMS = 2


@values
class AlsParams:
    """Defaults were the best of the grid in docs/quality.md; the nightly's own search goes on from here."""

    factors: AtLeastOne = 64
    """Numbers a user and an item. 24-256 are within 0.01 nDCG@10 on MovieLens-100K; 64 keeps a fold-in
    near 50 µs."""

    regularization: NotNegative = 20.0
    """Pull of the factors to 0. The library's 0.01 gives 0.38 nDCG@10 on MovieLens-100K, 20 gives 0.48."""

    alpha: NotNegative = 2.0
    """Confidence = 1 + alpha x weight (Hu, Koren, Volinsky 2008, section 4)."""

    power: NotNegative = 0.0
    """Weights count to this power: 0 treats every pair alike, which dense rating data prefers."""

    iterations: AtLeastOne = 15
    """Rounds over users and items."""

    half_life_days: HalfLife = None
    """Decay on top of the one inside the weights; none by default."""


@values
class CoarseAlsParams(AlsParams):
    """A third of the factors: what large groups share.  A blend of both is steadier than either."""

    factors: AtLeastOne = 24
    """Numbers a user and an item."""

    regularization: NotNegative = 20.0
    """Pull of the factors to 0."""


@dataclass(frozen=True)
class Als:
    """item_factors: float32 (n_items, k); params as fitted."""

    name: ClassVar[str] = "als"
    params_type: ClassVar[type] = AlsParams
    reason_with_evidence: ClassVar[str | None] = "because you {verb} {title}"
    reason_without: ClassVar[str] = "people with your taste {verb} this"
    untuned_weight: ClassVar[float] = 1.0
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[AlsParams, ...]] = (
        AlsParams(factors=64, regularization=30, alpha=2),
        AlsParams(factors=64, regularization=20, alpha=1),
        AlsParams(factors=64, regularization=5, alpha=10),
        AlsParams(factors=64, regularization=30, alpha=2, half_life_days=60),
    )
    wide_grid: ClassVar[tuple[AlsParams, ...]] = (
        AlsParams(factors=32, regularization=30, alpha=2),
        AlsParams(factors=128, regularization=30, alpha=2),
        AlsParams(factors=64, regularization=100, alpha=5),
        AlsParams(factors=64, regularization=10, alpha=40),
        AlsParams(factors=64, regularization=30, alpha=2, power=1),
        AlsParams(factors=64, regularization=30, alpha=2, half_life_days=20),
        AlsParams(factors=64, regularization=30, alpha=2, half_life_days=180),
    )

    item_factors: np.ndarray
    params: AlsParams

    @classmethod
    def fit(cls, training: TrainingData, params: AlsParams, seed: int) -> Self:
        """Hu, Koren, Volinsky 2008, eq. 4-5, by conjugate gradient (Takács, Pilászy, Tikk 2011).

        Only item factors are kept: a user's vector is always derived from the history at hand, so a
        refresh agrees with the nightly and an erased user leaves nothing behind in the model file.
        """
        histories = training.histories
        active = int((histories.lengths() > 0).sum())
        seen = len(np.unique(histories.weights.indices))
        require(
            active >= MIN_USERS and seen >= MIN_ITEMS,
            cls.name,
            f"{active} users and {seen} items with events",
        )
        # A rank above that of the matrix only adds noise dimensions.
        factors = min(params.factors, active, seen)
        confidence = histories.matrix(params.power, params.half_life_days)
        confidence.data = 1 + np.float32(params.alpha) * confidence.data
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=params.regularization,
            iterations=params.iterations,
            random_state=int(seed),
        )
        # implicit runs its own threads; BLAS threads inside them fight for the same cores.
        with threadpool_limits(limits=1, user_api="blas"):
            model.fit(confidence, show_progress=False)
        item_factors = np.asarray(model.item_factors, dtype=np.float32)
        # implicit leaves small noise where an item has no event; zero is the honest factor.
        item_factors[np.bincount(histories.weights.indices, minlength=training.n_items) == 0] = 0
        return cls(item_factors, params)

    @cached_property
    def _regular_gram(self) -> np.ndarray:
        """Y'Y + λI, the same for every user."""
        k = self.item_factors.shape[1]
        return self.item_factors.T @ self.item_factors + np.float32(self.params.regularization) * np.eye(
            k, dtype="f4"
        )

    def _confidence(self, histories: Histories) -> np.ndarray:
        return 1 + np.float32(self.params.alpha) * histories.values(
            self.params.power, self.params.half_life_days
        )

    def user_factors(self, histories: Histories) -> np.ndarray:
        """float32 (n_users, k): the exact solution of eq. 4, x = (Y'C Y + λI)^-1 Y'C p.

        A user without history gets zeros, not the noise that a trained row would hold.
        """
        confidence = self._confidence(histories)
        weighted = sp.csr_matrix(
            (confidence, histories.weights.indices, histories.weights.indptr), histories.weights.shape
        )
        right = weighted @ self.item_factors
        factors = np.zeros_like(right)
        for user in range(histories.n_users):
            factors[user] = self._solve(histories, confidence, user, right[user])
        return factors

    def _solve(
        self, histories: Histories, confidence: np.ndarray, user: int, right: np.ndarray
    ) -> np.ndarray:
        """(Y'C Y + λI)^-1 right of one user, by Cholesky.  right: float32 (k,) or (k, n)."""
        part = histories.row(user)
        liked = self.item_factors[histories.weights.indices[part]]
        liked *= np.sqrt(confidence[part] - 1)[:, None]
        system = self._regular_gram + liked.T @ liked
        # Symmetric: the transpose is the same matrix, in the order of memory that LAPACK works in.
        _, solved, info = sposv(system.T, right, overwrite_a=True)
        return np.asarray(solved) if info == 0 else self._solve_exactly(liked, right)

    def _solve_exactly(self, liked: np.ndarray, right: np.ndarray) -> np.ndarray:
        """The same in float64: beside a confidence of 10^9 float32 rounds the rest of the system away."""
        exact = liked.astype(np.float64)
        try:
            solved = np.linalg.solve(self._regular_gram + exact.T @ exact, right)
        except np.linalg.LinAlgError as error:
            raise ModelError(f"{self.name}: the fold-in of a user has no solution: {error}") from error
        return solved.astype(np.float32)

    def score(self, histories: Histories) -> np.ndarray:
        return self.user_factors(histories) @ self.item_factors.T

    def contributions(self, histories: Histories, rows: np.ndarray, items: np.ndarray) -> DenseContributions:
        """Hu, Koren, Volinsky 2008, section 5: score_i = Σ_j y_i' A^-1 y_j c_j."""
        confidence = self._confidence(histories)
        parts = []
        for user, pairs in pairs_of_users(rows):
            part = histories.row(user)
            history = histories.weights.indices[part]
            solved = self._solve(histories, confidence, user, self.item_factors[items[pairs]].T)
            value = (solved.T @ self.item_factors[history].T) * confidence[part]
            parts.append(UserParts(pairs, history, value))
        return DenseContributions(tuple(parts))

    def arrays(self) -> dict[str, np.ndarray]:
        return {"item_factors": self.item_factors}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], params: AlsParams) -> Self:
        return cls(arrays["item_factors"], params)


@dataclass(frozen=True)
class CoarseAls(Als):
    """ALS with few factors, as a source of its own."""

    name: ClassVar[str] = "als_coarse"
    params_type: ClassVar[type] = CoarseAlsParams
    reason_with_evidence: ClassVar[str | None] = "because you {verb} {title}"
    reason_without: ClassVar[str] = "people with your taste {verb} this"
    untuned_weight: ClassVar[float] = 0.5
    relation: ClassVar[Relation | None] = Relation.TOGETHER
    speaks_of_sessions: ClassVar[bool] = False
    knows_new_items: ClassVar[bool] = False
    is_cubic: ClassVar[bool] = False
    is_personal: ClassVar[bool] = True
    grid: ClassVar[tuple[CoarseAlsParams, ...]] = (CoarseAlsParams(),)
    wide_grid: ClassVar[tuple[CoarseAlsParams, ...]] = (
        CoarseAlsParams(factors=12),
        CoarseAlsParams(regularization=5, alpha=10),
        CoarseAlsParams(half_life_days=60),
    )
