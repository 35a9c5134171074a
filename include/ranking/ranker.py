"""The learned ranker: LightGBM lambdarank over the candidates of the blend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import lightgbm
import numpy as np

from include.ranking.standardise import standardised

# Small trees and many of them; strong smoothing since a judged user holds but a few positives.
# Source of the starting point: LightGBM docs, "Parameters Tuning", deal with over-fitting.
PARAMETERS = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 15,  # a little above the 10 that is judged (LightGBM docs, lambdarank)
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 50,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    # Trees this small wait at barriers more than they work: beside other processes two threads are slower.
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
N_TREES = 120


@dataclass(frozen=True)
class Ranker:
    """booster: the trees.  names: of the features.  share: the trees' say, 0..1, the rest is the blend's."""

    booster: lightgbm.Booster
    names: tuple[str, ...]
    share: float

    @classmethod
    def fit(
        cls,
        features: Sequence[np.ndarray],
        labels: Sequence[np.ndarray],
        names: tuple[str, ...],
        share: float,
        seed: int,
    ) -> Self:
        """features: per user (n_candidates, n_features); labels: per user 0/1."""
        data = lightgbm.Dataset(
            np.concatenate(features),
            np.concatenate(labels),
            group=[len(part) for part in labels],
            feature_name=list(names),
            params={"verbosity": -1},
        )
        parameters = PARAMETERS | {"seed": int(seed)}
        return cls(lightgbm.train(parameters, data, num_boost_round=N_TREES), names, share)

    def order_scores(self, features: np.ndarray, blended: np.ndarray) -> np.ndarray:
        """float32 (n_users, n_candidates): (1 - share) x blend + share x trees, each standardised per user.

        features: (n_users, n_candidates, n_features).  blended: -inf where there is no candidate, kept so.
        """
        n_users, n_candidates, n_features = features.shape
        flat = self.booster.predict(features.reshape(-1, n_features), num_threads=1)
        trees = np.asarray(flat, dtype=np.float32).reshape(n_users, n_candidates)
        is_real = np.isfinite(blended)
        mixed = (1 - self.share) * standardised(blended, is_real) + self.share * standardised(trees, is_real)
        return np.where(is_real, mixed, -np.inf).astype(np.float32)

    def arrays(self) -> dict[str, np.ndarray]:
        """The trees as LightGBM's own text, which holds no code."""
        text = self.booster.model_to_string().encode()
        return {"trees": np.frombuffer(text, dtype=np.uint8), "share": np.array(self.share)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray]) -> Self:
        booster = lightgbm.Booster(model_str=arrays["trees"].tobytes().decode())
        return cls(booster, tuple(booster.feature_name()), float(arrays["share"]))
