"""Fit the judged model of a nightly on all of its data.

Settings, weights and ranker stay as they were judged while the sources learn from all of the data: what was
judged is what is published.
"""

from __future__ import annotations

import logging
import subprocess
from dataclasses import replace

from include.installation import REPO
from include.interactions.training_data import TrainingData
from include.nightly.judge import judged_model
from include.nightly.stage_records import INGEST, Trained
from include.recommender.model import Recommender
from include.recommender.storage import checksum_path, load_recommender, save_recommender, write_checksum
from include.run import Run
from include.settings import SEED
from include.texts.text_model import phrase_encoder
from include.tuning.refit import refit_recommender
from include.understanding.fit_attributes import fit_attributes

log = logging.getLogger(__name__)


def fit_model(run: Run, training: TrainingData) -> Trained:
    """Fit the judged recipe on all of the data, save and name the model.

    The name holds the content's checksum: same data, same name.
    """
    judged = load_recommender(judged_model(run))
    recommender = _with_attributes(run, refit_recommender(judged, training, SEED, log.info), training)
    partial = run.settings.models / f".{run.folder.name}.npz"
    checksum = save_recommender(recommender, partial)
    version = f"{run.recorded(INGEST).as_of:%Y%m%dT%H%M%S}-{checksum[:12]}"
    artifact = run.settings.models / f"{version}.npz"
    checksum_path(partial).unlink()
    partial.replace(artifact)
    write_checksum(artifact, checksum)
    report = recommender.report
    return Trained(
        model_version=version,
        artifact=artifact.name,
        checksum=checksum,
        parameters={
            "sources": report.params,
            "weights": recommender.weights,
            "reach": recommender.reach,
            "seed": SEED,
        },
        metrics=report.validation,
        left_out=report.left_out,
        git_revision=git_revision(),
    )


def _with_attributes(run: Run, recommender: Recommender, training: TrainingData) -> Recommender:
    """The same model, which also knows what its items are; the text model reads a taxonomy's prompts."""
    texts = recommender.texts
    histories = training.learned_from(recommender.config.newcomers).histories
    attributes = fit_attributes(
        run.domain.understanding,
        training.catalogue,
        None if texts is None else texts.embeddings,
        None if texts is None else texts.mean,
        histories,
        phrase_encoder(run.domain.text_model),
        SEED,
    )
    return replace(recommender, attributes=attributes)


def git_revision() -> str:
    """Of the code that runs; 'unknown' outside a checkout."""
    done = subprocess.run(
        ["git", "-C", str(REPO), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
