"""Train the ranker on inner splits and decide, by users it has not seen, how much say it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.split import Split
from include.ranking.first_places import K
from include.ranking.ranker import Ranker
from include.ranking.ranking_features import feature_names
from include.recommender.build_lists import block_rows
from include.recommender.model import Recommender
from include.recommender.rank import blend_candidates, features_of
from include.tuning.blend_weights import blended_candidates

SHARES = (0.3, 0.6, 1.0)
N_FOLDS = 2
MIN_USERS = 150  # below, trees learn the judged users by heart; the blend has a handful of numbers instead
ONE_STANDARD_ERROR = 1.0  # the gain over the blend must exceed this many, or the blend stays


@dataclass(frozen=True)
class Judged:
    """features: (n_users, n_candidates, n_features).  blended: -inf where no candidate.  is_hit: bool.
    users: row of the training data, so that one user's splits stay in one fold."""

    features: np.ndarray
    blended: np.ndarray
    is_hit: np.ndarray
    n_relevant: np.ndarray
    users: np.ndarray


def judged_candidates(recommender: Recommender, split: Split) -> Judged:
    """The blend's candidates for every judged user, with features and what was hit."""
    rows = block_rows(recommender)
    features, blended, hits = [], [], []
    for start in range(0, len(split.users), rows):
        judged = np.arange(start, min(start + rows, len(split.users)))
        scaled, scores = blended_candidates(recommender, split, judged)
        candidates = blend_candidates(
            scores, max(recommender.config.candidates, recommender.config.list_size)
        )
        histories = split.train.histories.rows(split.users[judged])
        features.append(features_of(recommender, histories, scaled, candidates))
        blended.append(candidates.score)
        hits.append(hits_of(candidates.items, split.relevant[judged]) & np.isfinite(candidates.score))
    return Judged(
        np.concatenate(features), np.concatenate(blended), np.concatenate(hits), split.n_relevant, split.users
    )


def learn_ranker(
    recommenders: Sequence[Recommender], splits: Sequence[Split], seed: int, must_win: bool = True
) -> tuple[Ranker | None, dict[str, float]]:
    """(ranker or None, figures): figures hold nDCG@10 of the blend and of each share, on held-out users.

    recommenders[i] is fitted on splits[i].train and has the tuned blend.  must_win False: take the best
    share even where it does not beat the blend (a domain that asks for the learned ranker).
    """
    parts = [judged_candidates(*pair) for pair in zip(recommenders, splits, strict=True)]
    names = feature_names(recommenders[0].source_names, recommenders[0].catalogue)
    return decide_ranker(parts, names, seed, must_win)


def decide_ranker(
    parts: Sequence[Judged], names: tuple[str, ...], seed: int, must_win: bool
) -> tuple[Ranker | None, dict[str, float]]:
    """`learn_ranker` on candidates at hand.  parts: one a split; names: of the features."""
    if len(np.unique(np.concatenate([part.users for part in parts]))) < MIN_USERS:
        return None, {}
    folds = np.random.default_rng(seed).integers(0, N_FOLDS, max(int(part.users.max()) for part in parts) + 1)
    values: dict[float, list[np.ndarray]] = {share: [] for share in (0.0, *SHARES)}
    for fold in range(N_FOLDS):
        ranker = _fit(parts, names, 1.0, seed, [folds[part.users] != fold for part in parts])
        if ranker is None:
            return None, {}
        for part in parts:
            held_out = folds[part.users] == fold
            for share, found in values.items():
                with_share = Ranker(ranker.booster, names, share)
                found.append(_judge(with_share, part, held_out))
    by_share = {share: np.concatenate(found) for share, found in values.items()}
    figures = {f"ranker share {share:g}": float(found.mean()) for share, found in by_share.items()}
    best = max(SHARES, key=lambda share: figures[f"ranker share {share:g}"])
    if must_win and not is_more_than_luck(by_share[best] - by_share[0.0]):
        return None, figures
    return _fit(parts, names, best, seed, [np.ones(len(part.users), bool) for part in parts]), figures


def is_more_than_luck(gain: np.ndarray) -> bool:
    """Whether the mean exceeds ONE_STANDARD_ERROR.  gain: float64 (n_users,)."""
    error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    return bool(gain.mean() > ONE_STANDARD_ERROR * error)


def _fit(
    parts: Sequence[Judged], names: tuple[str, ...], share: float, seed: int, taken: Sequence[np.ndarray]
) -> Ranker | None:
    features, labels = [], []
    for part, is_taken in zip(parts, taken, strict=True):
        for user in np.flatnonzero(is_taken & part.is_hit.any(axis=1)):
            is_real = np.isfinite(part.blended[user])
            features.append(part.features[user, is_real])
            labels.append(part.is_hit[user, is_real].astype(np.int8))
    return Ranker.fit(features, labels, names, share, seed) if features else None


def _judge(ranker: Ranker, part: Judged, rows: np.ndarray) -> np.ndarray:
    scores = ranker.order_scores(part.features[rows], part.blended[rows])
    best = np.argsort(-scores, axis=1, kind="stable")[:, :K]
    return ndcg(np.take_along_axis(part.is_hit[rows], best, axis=1), part.n_relevant[rows])
