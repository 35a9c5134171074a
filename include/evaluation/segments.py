"""Whether lists serve some groups of users worse than others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from include.evaluation.bootstrap import Interval, bootstrap_interval
from include.evaluation.evaluate import METRIC, Evaluation

MIN_USERS = 30  # a mean of nDCG@10 over fewer says little
GAP = "segment_gap@10"


def segment_means(
    values: np.ndarray, segments: np.ndarray, names: tuple[str, ...], min_users: int = MIN_USERS
) -> dict[str, float]:
    """Segment name -> mean of a per-user metric, for segments with at least min_users judged users.

    values: float64 (n_users,).  segments: int (n_users,), position in names, negative where unknown.
    """
    counts = np.bincount(segments[segments >= 0], minlength=len(names))
    return {
        name: float(values[segments == position].mean())
        for position, name in enumerate(names)
        if counts[position] >= min_users
    }


def largest_gap(means: dict[str, float]) -> float:
    """Best minus worst segment; 0 with fewer than two."""
    return max(means.values()) - min(means.values()) if len(means) > 1 else 0.0


def with_segment_gap(evaluation: Evaluation, segments: np.ndarray, names: tuple[str, ...]) -> Evaluation:
    """The evaluation with GAP among its figures, so that a domain can bound it; as it was where fewer than
    two segments have enough judged users."""
    if not evaluation.n_users or not names:
        return evaluation
    means = segment_means(evaluation.by_user[METRIC], segments, names)
    if len(means) < 2:
        return evaluation
    return replace(evaluation, figures=evaluation.figures | {GAP: largest_gap(means)})


def segment_intervals(
    evaluation: Evaluation, segments: np.ndarray, names: tuple[str, ...], seed: int
) -> dict[str, tuple[Interval, int]]:
    """Segment name -> (nDCG@10 with its interval, judged users), for those that `segment_means` has."""
    if not evaluation.n_users:
        return {}
    values = evaluation.by_user[METRIC]
    return {
        name: (bootstrap_interval(values[is_in], seed), int(is_in.sum()))
        for position, name in enumerate(names)
        if (is_in := segments == position).sum() >= MIN_USERS
    }
