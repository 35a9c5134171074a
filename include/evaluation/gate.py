"""Champion and challenger: what may be published, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from include.errors import GateError
from include.evaluation.bootstrap import Interval, bootstrap_interval
from include.evaluation.evaluate import METRIC, Evaluation
from include.interactions.interactions import Interactions
from include.interactions.training_data import TrainingData


@dataclass(frozen=True)
class GateLimits:
    """max_loss: share of the champion's nDCG@10 that the challenger may lose when the interval cannot tell
    them apart; above it, it is refused even so.  min_distinct_lists: share of different top-10 lists below
    which a model is degenerate.  bounds: figure -> (lowest or None, highest or None), as coverage@10."""

    max_loss: float = 0.05
    min_distinct_lists: float = 0.01
    bounds: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """is_promoted; reasons: one line a refusal, empty when promoted; notes: what else a reader should know;
    difference: challenger minus champion, None without a champion."""

    is_promoted: bool
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    difference: Interval | None


def judge(
    challenger: Evaluation,
    champion: Evaluation | None,
    limits: GateLimits,
    *,
    challenger_lists: np.ndarray | None = None,
    seed: int = 0,
) -> Verdict:
    """Both evaluations on the same split, users in the same order.

    No champion: promoted if sound.  Nobody to judge by (empty test window): promoted if sound, with a note,
    since nothing speaks against it and a first lake would never publish otherwise.
    """
    reasons, notes = [], []
    difference = None
    reasons += _unsound(challenger, limits, challenger_lists)
    if challenger.n_users == 0:
        notes.append("nobody came back in the test window: nothing to compare by")
    elif champion is None or champion.n_users == 0:
        notes.append("no champion to compare with")
    elif not reasons:
        difference = compare(challenger, champion, seed)
        reasons += _worse(difference, champion.figures[METRIC], limits)
    return Verdict(not reasons, tuple(reasons), tuple(notes), difference)


def check_staleness(challenger_as_of: datetime, champion_as_of: datetime) -> tuple[str, ...]:
    """A reason to refuse where the challenger's data end before the champion's; the same cutoff is no reason.

    Both are cutoffs of what was trained on, naive UTC; what refreshes published since does not count.
    """
    if challenger_as_of >= champion_as_of:
        return ()
    return (
        f"stale: its data end at {challenger_as_of}, the champion's at {champion_as_of};"
        " an older run never replaces a newer one",
    )


def compare(challenger: Evaluation, champion: Evaluation, seed: int) -> Interval:
    """Paired per-user difference of nDCG@10.  Raises GateError where they judged different users."""
    if challenger.n_users != champion.n_users:
        raise GateError(
            f"gate: challenger was judged by {challenger.n_users} users, champion by {champion.n_users}; "
            "evaluate both on the same split"
        )
    return bootstrap_interval(challenger.by_user[METRIC] - champion.by_user[METRIC], seed)


def _unsound(evaluation: Evaluation, limits: GateLimits, lists: np.ndarray | None) -> list[str]:
    reasons = [f"{name} is {value}" for name, value in evaluation.figures.items() if not np.isfinite(value)]
    if lists is not None and len(lists) > 1:
        distinct = len(np.unique(lists[:, :10], axis=0)) / len(lists)
        # Strangers share the popular list, so some repetition is right; one list for all is not.
        if distinct < limits.min_distinct_lists or len(np.unique(lists[:, :10], axis=0)) == 1:
            reasons.append(
                f"degenerate: {distinct:.1%} of lists are distinct, limit {limits.min_distinct_lists:.1%}"
            )
    for name, (lowest, highest) in limits.bounds.items():
        value = evaluation.figures.get(name)
        if value is None:
            continue
        if (lowest is not None and value < lowest) or (highest is not None and value > highest):
            low, high = ("-" if bound is None else bound for bound in (lowest, highest))
            reasons.append(f"{name} is {value:.4f}, limit {low} to {high}")
    return reasons


def _worse(difference: Interval, champion: float, limits: GateLimits) -> list[str]:
    interval = f"[{difference.low:+.4f}, {difference.high:+.4f}]"
    figures = f"{METRIC} {difference.mean:+.4f} {interval} against {champion:.4f}"
    if difference.high < 0:
        return [f"worse: {figures}"]
    if difference.mean < -limits.max_loss * champion:
        return [f"worse by more than {limits.max_loss:.0%}: {figures}"]
    return []


def check_leakage(training: TrainingData, known: Interactions, cutoff: float) -> None:
    """The canary: what a model learns from must be explained by events before the cutoff.

    known: all events, before and after.  Raises GateError where training holds an event at or after the
    cutoff, or a history pair that only events at or after it can explain (features built too late).
    """
    late = int((training.events.event_at >= cutoff).sum())
    if late:
        raise GateError(f"leakage: {late} training events lie at or after the cutoff {cutoff:.0f} (epoch s)")
    before = known.where(known.event_at < cutoff)
    n_items = training.n_items
    explained = before.user_idx.astype(np.int64) * n_items + before.item_idx
    weights = training.histories.weights
    users = np.repeat(np.arange(training.n_users, dtype=np.int64), np.diff(weights.indptr))
    unexplained = int((~np.isin(users * n_items + weights.indices, explained)).sum())
    if unexplained:
        raise GateError(
            f"leakage: {unexplained} of {weights.nnz} history pairs have no event before the cutoff "
            f"{cutoff:.0f} (epoch s); features were built from later data"
        )
