"""Judge and fit the model of a nightly; returns what the run records of it.

The challenger is what the domain file asks for now: with the champion's settings where the file has not
changed, with a search of its own where it has, or on the first nightly. It is judged before anything is
trained on all of the data, so that a refused one costs no more. Its settings, weights and ranker are then
kept while its sources learn from all of the data: what was judged is what is published.
"""

from __future__ import annotations

import json
import logging
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from include.config.domain import Domain
from include.evaluation.bootstrap import bootstrap_interval
from include.evaluation.evaluate import Evaluation, evaluate_lists
from include.evaluation.gate import GateLimits, Verdict, check_leakage, judge
from include.evaluation.split import Split, time_split
from include.recommender.config import ModelConfig, model_config_from_mapping
from include.recommender.fit import fit_recommender
from include.recommender.model import Recommender
from include.recommender.recommend import recommend
from include.recommender.refit import refit_recommender
from include.recommender.storage import checksum_path, load_recommender, save_recommender
from include.recommender.training import TrainingData
from include.retrieval.registry import FALLBACK, SOURCES
from include.runs.run import Run
from include.settings import REPO

log = logging.getLogger(__name__)
# One seed for all: the same rows give the same lists.
SEED = 42
EVALUATED_RANKS = 50


def model_config(domain: Domain) -> ModelConfig:
    """The part of the domain file that the recommender reads.  Raises ConfigError."""
    mapping = {**domain.model, "consumed": domain.consumed, "list_size": domain.list_size}
    return model_config_from_mapping(mapping, domain.file.name)


def evaluate_model(run: Run, training: TrainingData, champion: Recommender | None) -> dict[str, Any]:
    """Train on what lies before a global time split, tuned inside it, and judge by what lies after.

    champion: the published model. Returns the rows of ops.evaluations without their run (subject, metric, k,
    value, low, high, users) and the gate's refusals; the model is kept beside the run's records. A
    window with nobody to judge by gives no rows and says so in ``notes``.
    """
    config = model_config(run.domain)
    limits = run.domain.evaluation
    split = time_split(training, limits.holdout_share, config.consumed, max_users=limits.max_users, seed=SEED)
    settled = champion_settings(champion) if champion and champion.config == config else None
    if not len(split.users) or split.train.histories.weights.nnz == 0:
        note = f"nobody with a history took anything new in the newest {limits.holdout_share:.0%} of events"
        log.warning("evaluation: %s", note)
        untested = fit_recommender(training, config, SEED, log.info, params=settings_objects(settled))
        save_recommender(untested, judged_model(run))
        return _judged([], None, (), (note,))
    check_leakage(split.train, training.events, split.cutoff)
    model = fit_recommender(split.train, config, SEED, log.info, params=settings_objects(settled))
    save_recommender(model, judged_model(run))
    challenger, lists = _evaluate(model, split)
    rows = _rows("pipeline", challenger)
    for name in model.sources:
        alone, _ = _evaluate(_alone(model, name), split)
        rows += _rows(name, alone)
        if name == FALLBACK:
            popular = alone
    rival = None
    if champion and settled is None:
        recipe = settings_objects(champion_settings(champion))
        rival, _ = _evaluate(
            fit_recommender(split.train, champion.config, SEED, log.info, params=recipe), split
        )
        rows += _rows("champion", rival)
    verdict = judge(challenger, rival, gate_limits(run.domain), challenger_lists=lists, seed=SEED)
    refusals = (*verdict.reasons, *_worse_than_popular(challenger, popular))
    return _judged(rows, split.cutoff, refusals, _notes(verdict, settled))


def fit_model(run: Run, training: TrainingData) -> dict[str, Any]:
    """Fit the judged recipe on all of the data, save and name the model.

    The name holds the content's checksum: same data, same name.
    """
    judged = load_recommender(judged_model(run))
    recommender = refit_recommender(judged, training, SEED, log.info)
    partial = run.settings.models / f".{run.folder.name}.npz"
    checksum = save_recommender(recommender, partial)
    version = f"{run.recorded('ingest')['as_of']:%Y%m%dT%H%M%S}-{checksum[:12]}"
    artifact = run.settings.models / f"{version}.npz"
    checksum_path(partial).unlink()
    partial.replace(artifact)
    checksum_path(artifact).write_text(f"{checksum}  {artifact.name}\n", encoding="utf-8")
    report = recommender.report
    return {
        "model_version": version,
        "artifact": artifact.name,
        "checksum": checksum,
        "parameters": {"sources": report.params, "weights": recommender.weights, "seed": SEED},
        "metrics": report.validation,
        "left_out": report.left_out,
        "git_revision": git_revision(),
    }


def judged_model(run: Run) -> Path:
    """Where the evaluation keeps the model that it judged."""
    return run.folder / "judged.npz"


def champion_settings(champion: Recommender) -> dict[str, Any]:
    """Source -> the settings it was fitted with, as JSON."""
    return champion.report.params


def settings_objects(settings: dict[str, Any] | None) -> dict[str, Any] | None:
    """The inverse of what a model's report says; None asks for a search."""
    if settings is None:
        return None
    return {name: SOURCES[name][1](**values) for name, values in settings.items()}


def gate_limits(domain: Domain) -> GateLimits:
    return GateLimits(max_loss=domain.gate.max_loss, bounds=domain.gate.bounds)


def _evaluate(model: Recommender, split: Split) -> tuple[Evaluation, np.ndarray]:
    lists = recommend(model, split.histories, EVALUATED_RANKS)
    result = evaluate_lists(
        lists.item_idx,
        split.relevant,
        n_users_of_item=model.statistics.n_users,
        n_users=split.train.n_users,
        vectors=split.train.catalogue.embeddings,
    )
    return result, lists.item_idx


def _alone(model: Recommender, name: str) -> Recommender:
    """One source under the same rules, without blend and ranker; the fallback only fills its list up."""
    kept = {other: source for other, source in model.sources.items() if other in (name, FALLBACK)}
    return replace(model, sources=kept, weights={other: float(other == name) for other in kept}, ranker=None)


def _rows(subject: str, evaluation: Evaluation) -> list[list[Any]]:
    rows = []
    for name, value in evaluation.figures.items():
        metric, _, k = name.partition("@")
        by_user = evaluation.by_user.get(name)
        interval = None if by_user is None else bootstrap_interval(by_user, SEED)
        low, high = (interval.low, interval.high) if interval else (None, None)
        rows.append([subject, metric, int(k), value, low, high, evaluation.n_users])
    return rows


def _worse_than_popular(challenger: Evaluation, popular: Evaluation) -> tuple[str, ...]:
    """A pipeline that popularity alone beats for sure has lost its data or its mind."""
    difference = bootstrap_interval(challenger.by_user["ndcg@10"] - popular.by_user["ndcg@10"], SEED)
    if difference.high >= 0:
        return ()
    return (
        f"worse than popularity alone: ndcg@10 {difference.mean:+.4f}"
        f" [{difference.low:+.4f}, {difference.high:+.4f}] against {popular.figures['ndcg@10']:.4f}",
    )


def _notes(verdict: Verdict, settled: dict[str, Any] | None) -> tuple[str, ...]:
    if settled is not None:
        return ("the recipe is the champion's: nothing to compare by",)
    if verdict.difference is not None:
        d = verdict.difference
        return (f"ndcg@10 {d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}] against the champion",)
    return verdict.notes


def _judged(
    rows: list[list[Any]],
    cutoff: float | None,
    refusals: tuple[str, ...],
    notes: tuple[str, ...],
) -> dict[str, Any]:
    split_at = None if cutoff is None else datetime.fromtimestamp(cutoff, UTC).replace(tzinfo=None)
    return {
        "evaluations": rows,
        "split_at": split_at,
        "refusals": list(refusals),
        "notes": list(notes),
    }


def git_revision() -> str:
    """Of the code that runs; 'unknown' outside a checkout."""
    done = subprocess.run(
        ["git", "-C", str(REPO), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
