"""Who enters a nightly's judgement, and whether a proposal's settings replace the champion's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from include.evaluation.bootstrap import Interval, bootstrap_interval
from include.evaluation.evaluate import METRIC, Evaluation, evaluate_lists
from include.evaluation.gate import GateLimits, judge
from include.evaluation.segments import with_segment_gap
from include.evaluation.split import Split
from include.recommender.build_lists import recommend
from include.recommender.model import Recommender
from include.recommender.model_config import ModelConfig
from include.retrieval.registry import FALLBACK, SOURCES
from include.tuning.proposals import OUTDATED, REFUSED, TAKEN, Decision, Proposal, config_hash

log = logging.getLogger(__name__)
EVALUATED_RANKS = 50


@dataclass(frozen=True)
class Entrant:
    """A model fitted on a split's train side, and how its lists did.  lists: int (n_judged, ranks)."""

    model: Recommender
    evaluation: Evaluation
    lists: np.ndarray


def enter(model: Recommender, split: Split) -> Entrant:
    """Have the judged users judge the model."""
    lists = recommend(model, split.histories, EVALUATED_RANKS)
    result = evaluate_lists(
        lists.item_idx,
        split.relevant,
        n_users_of_item=model.statistics.n_users,
        n_users=split.train.n_users,
        vectors=split.train.catalogue.embeddings,
    )
    segments = split.train.histories.segments[split.users]
    judged = with_segment_gap(result, segments, split.train.segment_names)
    return Entrant(model, judged, lists.item_idx)


def enter_alone(model: Recommender, name: str, split: Split) -> Evaluation:
    """One source under the same rules, without blend and ranker; the fallback only fills its list up."""
    kept = {other: source for other, source in model.sources.items() if other in (name, FALLBACK)}
    weights = {other: float(other == name) for other in kept}
    return enter(replace(model, sources=kept, weights=weights, ranker=None, lifts=None), split).evaluation


def worse_than_popular(entrant: Evaluation, popular: Evaluation, seed: int) -> tuple[str, ...]:
    """A pipeline that popularity alone beats for sure has lost its data or its mind."""
    difference = bootstrap_interval(entrant.by_user[METRIC] - popular.by_user[METRIC], seed)
    if difference.high >= 0:
        return ()
    against = popular.figures[METRIC]
    return (f"worse than popularity alone: {describe(difference)} against {against:.4f}",)


def describe(difference: Interval) -> str:
    """A difference of nDCG@10 in words."""
    return f"{METRIC} {difference.mean:+.4f} [{difference.low:+.4f}, {difference.high:+.4f}]"


def settings_objects(settings: dict[str, Any] | None) -> dict[str, Any] | None:
    """The inverse of what a model's report or a proposal says; None asks for a search."""
    if settings is None:
        return None
    return {name: SOURCES[name].params_type(**values) for name, values in settings.items()}


def instant_of(epoch_seconds: float) -> datetime:
    """Naive UTC."""
    return datetime.fromtimestamp(epoch_seconds, UTC).replace(tzinfo=None)


def pick_proposal(
    proposals: Sequence[Proposal], config: ModelConfig, split: Split
) -> tuple[Proposal | None, list[Decision]]:
    """The newest that this split may judge, and which are closed unjudged.  proposals: the newest first.

    One whose search saw events that now judge would be judged by what it was chosen for; it stays open.
    """
    wanted = config_hash(config)
    closed, fitting = [], []
    for proposal in proposals:
        if proposal.model_config != wanted:
            closed.append(Decision(proposal.proposal_id, OUTDATED, "made for another domain file"))
        elif not _is_readable(proposal):
            closed.append(Decision(proposal.proposal_id, OUTDATED, "this version has other settings"))
        elif len(split.users) and proposal.searched_until <= instant_of(split.cutoff):
            fitting.append(proposal)
    closed += [
        Decision(proposal.proposal_id, OUTDATED, f"{fitting[0].proposal_id} is newer")
        for proposal in fitting[1:]
    ]
    return (fitting[0] if fitting else None), closed


def try_proposal(
    proposal: Proposal,
    fit: Callable[[], Recommender],
    champion: Entrant,
    split: Split,
    limits: GateLimits,
    seed: int,
) -> tuple[Entrant | None, Decision]:
    """Fit it and judge it; None with a refusal where it cannot be fitted."""
    try:
        proposed = enter(fit(), split)
    except Exception as error:  # whatever is wrong with a proposal, the night goes on without it
        log.exception("proposal %s cannot be fitted", proposal.proposal_id)
        note = f"cannot be fitted: {type(error).__name__}: {error}"
        return None, Decision(proposal.proposal_id, REFUSED, note)
    return proposed, judge_proposal(proposal, proposed, champion, split, limits, seed)


def judge_proposal(
    proposal: Proposal, proposed: Entrant, champion: Entrant, split: Split, limits: GateLimits, seed: int
) -> Decision:
    """Taken where the gate would promote it and its mean is above the champion's.

    The gate alone lets a challenger lose a little, since a new domain file has other reasons; new settings
    have none but to be better.
    """
    verdict = judge(
        proposed.evaluation, champion.evaluation, limits, challenger_lists=proposed.lists, seed=seed
    )
    popular = enter_alone(proposed.model, FALLBACK, split)
    reasons = (*verdict.reasons, *worse_than_popular(proposed.evaluation, popular, seed))
    if reasons:
        return Decision.judged(proposal, REFUSED, "; ".join(reasons), verdict.difference)
    assert verdict.difference is not None
    figures = f"{describe(verdict.difference)} against the champion's settings"
    if verdict.difference.mean <= 0:
        return Decision.judged(proposal, REFUSED, f"not better: {figures}", verdict.difference)
    return Decision.judged(proposal, TAKEN, figures, verdict.difference)


def _is_readable(proposal: Proposal) -> bool:
    try:
        settings_objects(proposal.settings)
    except (KeyError, ValueError):  # a source, or a setting, of another version
        return False
    return True
