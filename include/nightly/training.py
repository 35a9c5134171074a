"""Fit and judge the model of a nightly; returns what the run records of it."""

from __future__ import annotations

import json
import logging
import subprocess
from typing import Any

import numpy as np

from include.config.domain import Domain
from include.evaluation.evaluate import evaluate_lists
from include.evaluation.split import time_split
from include.recommender.config import ModelConfig, model_config_from_mapping
from include.recommender.fit import fit_recommender
from include.recommender.recommend import recommend
from include.recommender.storage import checksum_path, save_recommender
from include.recommender.training import TrainingData
from include.runs.run import Run
from include.settings import REPO

log = logging.getLogger(__name__)
# One seed for all: the same rows give the same lists.
SEED = 42
EVALUATED_RANKS = 50
RESAMPLES = 1000


def model_config(domain: Domain) -> ModelConfig:
    """The part of the domain file that the recommender reads.  Raises ConfigError."""
    mapping = {**domain.model, "consumed": domain.consumed, "list_size": domain.list_size}
    return model_config_from_mapping(mapping, domain.file.name)


def fit_model(run: Run, training: TrainingData) -> dict[str, Any]:
    """Fit, save and name the model.  The name holds the content's checksum: same data, same name."""
    recommender = fit_recommender(training, model_config(run.domain), SEED, log.info)
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


def evaluate_model(run: Run, training: TrainingData) -> dict[str, Any]:
    """Train on what lies before a global time split, tuned inside it, and judge by what lies after.

    Returns rows of ops.evaluations without their run: subject, metric, k, value, low, high, users. A window
    with nobody to judge by gives no rows and says so in ``note``.
    """
    config = model_config(run.domain)
    limits = run.domain.evaluation
    split = time_split(training, limits.holdout_share, config.consumed, max_users=limits.max_users, seed=SEED)
    if not len(split.users) or split.train.histories.weights.nnz == 0:
        note = f"nobody with a history took anything new in the newest {limits.holdout_share:.0%} of events"
        log.warning("evaluation: %s", note)
        return {"evaluations": [], "note": note, "split_at": None}
    model = fit_recommender(split.train, config, SEED, log.info)
    rows = []
    for subject, judged in {"pipeline": model, **baselines(model)}.items():
        lists = recommend(judged, split.histories, EVALUATED_RANKS)
        result = evaluate_lists(
            lists.item_idx,
            split.relevant,
            n_users_of_item=judged.statistics.n_users,
            n_users=training.n_users,
            vectors=training.catalogue.embeddings,
        )
        for name, value in result.figures.items():
            metric, _, k = name.partition("@")
            low, high = interval(result.by_user.get(name))
            rows.append([subject, metric, int(k), value, low, high, result.n_users])
    return {"evaluations": rows, "note": None, "split_at": split_instant(split.cutoff)}


def baselines(model: Any) -> dict[str, Any]:
    """Each of the model's sources alone, under the same rules."""
    from dataclasses import replace

    return {
        name: replace(model, weights={other: float(other == name) for other in model.sources})
        for name in model.sources
    }


def interval(values: np.ndarray | None) -> tuple[float | None, float | None]:
    """95 % bootstrap interval of the mean over users; None where the figure is no mean over users."""
    if values is None or not len(values):
        return None, None
    rng = np.random.default_rng(SEED)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def split_instant(epoch: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(epoch, UTC).replace(tzinfo=None)


def git_revision() -> str:
    """Of the code that runs; 'unknown' outside a checkout."""
    done = subprocess.run(
        ["git", "-C", str(REPO), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def as_json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
