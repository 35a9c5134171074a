"""Judge the model of a nightly.

The challenger is what the domain file asks for now. Where the file has not changed, it has the champion's
settings, or those of a proposal by tune_models if they do better; where it has, or on the first nightly, it
has those of a search of its own. It is judged before anything is trained on all of the data, so that a
refused one costs no more (include/nightly/train_model.py).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.config.domain import Domain
from include.evaluation.bootstrap import bootstrap_interval
from include.evaluation.evaluate import Evaluation
from include.evaluation.evaluation_row import EvaluationRow
from include.evaluation.gate import GateLimits, Verdict, check_leakage, judge
from include.evaluation.split import time_split
from include.interactions.training_data import TrainingData
from include.nightly.contest import (
    describe,
    enter,
    enter_alone,
    instant_of,
    pick_proposal,
    settings_objects,
    try_proposal,
    worse_than_popular,
)
from include.nightly.stage_records import Judged
from include.recommender.model import Recommender
from include.recommender.model_config import ModelConfig, model_config
from include.recommender.storage import save_recommender
from include.reporting.list_health import fairness_rows
from include.retrieval.registry import FALLBACK
from include.run import Run
from include.settings import SEED
from include.tuning.fit import fit_recommender
from include.tuning.proposals import TAKEN, Decision, Proposal

log = logging.getLogger(__name__)


def evaluate_model(
    run: Run, training: TrainingData, champion: Recommender | None, proposals: Sequence[Proposal] = ()
) -> Judged:
    """Train on what lies before a global time split, tuned inside it, and judge by what lies after.

    champion: the published model. proposals: those that wait, the newest first; one that does not win leaves
    the night to the champion's settings. The model is kept beside the run's records. A window
    with nobody to judge by gives no rows and says so in ``notes``.
    """
    config = model_config(run.domain)
    limits = run.domain.evaluation
    split = time_split(training, limits.holdout_share, config.consumed, max_users=limits.max_users, seed=SEED)
    settled = champion_settings(champion) if champion and champion.config == config else None
    proposal, decisions = pick_proposal(proposals, config, split)
    if not len(split.users) or split.train.histories.weights.nnz == 0:
        note = f"nobody with a history took anything new in the newest {limits.holdout_share:.0%} of events"
        log.warning("evaluation: %s", note)
        untested = fit_recommender(training, config, SEED, log.info, params=settings_objects(settled))
        save_recommender(untested, judged_model(run))
        return Judged(notes=(note,), proposals=tuple(decisions))
    check_leakage(split.train, training.events, split.cutoff)

    def fitted(asked: ModelConfig, settings: dict[str, Any] | None) -> Recommender:
        return fit_recommender(split.train, asked, SEED, log.info, params=settings_objects(settings))

    challenger = enter(fitted(config, settled), split)
    rows: list[EvaluationRow] = []
    rival = None
    if champion and settled is None:
        rival = enter(fitted(champion.config, champion_settings(champion)), split)
    elif proposal and settled is not None:
        proposed, decision = try_proposal(
            proposal,
            lambda: fitted(config, proposal.settings),
            challenger,
            split,
            gate_limits(run.domain),
            SEED,
        )
        decisions.append(decision)
        if proposed and decision.status == TAKEN:
            challenger, rival = proposed, challenger
        elif proposed:
            rows += _rows("proposal", proposed.evaluation)
    save_recommender(challenger.model, judged_model(run))
    alone = {name: enter_alone(challenger.model, name, split) for name in challenger.model.sources}
    for subject, evaluation in {"pipeline": challenger.evaluation, **alone}.items():
        rows += _rows(subject, evaluation)
    if rival:
        rows += _rows("champion", rival.evaluation)
    rows += fairness_rows(challenger.model, split, training.events, challenger.evaluation, SEED)
    verdict = judge(
        challenger.evaluation,
        rival.evaluation if rival else None,
        gate_limits(run.domain),
        challenger_lists=challenger.lists,
        seed=SEED,
    )
    refusals = (*verdict.reasons, *worse_than_popular(challenger.evaluation, alone[FALLBACK], SEED))
    notes = _notes(verdict, is_settled=settled is not None, decisions=decisions)
    return Judged(tuple(rows), instant_of(split.cutoff), refusals, notes, tuple(decisions))


def judged_model(run: Run) -> Path:
    """Where the evaluation keeps the model that it judged."""
    return run.folder / "judged.npz"


def champion_settings(champion: Recommender) -> dict[str, Any]:
    """Source -> the settings it was fitted with, as JSON."""
    return champion.report.params


def gate_limits(domain: Domain) -> GateLimits:
    return GateLimits(max_loss=domain.gate.max_loss, bounds=domain.gate.bounds)


def _rows(subject: str, evaluation: Evaluation) -> list[EvaluationRow]:
    rows = []
    for name, value in evaluation.figures.items():
        metric, _, k = name.partition("@")
        by_user = evaluation.by_user.get(name)
        interval = None if by_user is None else bootstrap_interval(by_user, SEED)
        low, high = (interval.low, interval.high) if interval else (None, None)
        rows.append(EvaluationRow(subject, metric, int(k), value, low, high, evaluation.n_users))
    return rows


def _notes(verdict: Verdict, *, is_settled: bool, decisions: Sequence[Decision]) -> tuple[str, ...]:
    told = tuple(f"proposal {d.proposal_id} {d.status}: {d.note}" for d in decisions)
    if verdict.difference is not None:
        return (f"{describe(verdict.difference)} against the champion", *told)
    if is_settled:
        return ("the recipe is the champion's: nothing to compare by", *told)
    return (*verdict.notes, *told)
