"""Learn again from more data by a recipe that was judged already: settings, weights, ranker and reach."""

from __future__ import annotations

import logging
from dataclasses import replace

from include.interactions.training_data import TrainingData
from include.recommender.model import Recommender
from include.tuning.choose_reach import with_reach
from include.tuning.fit import Notes, Progress, fit_sources, item_statistics

log = logging.getLogger(__name__)


def refit_recommender(
    judged: Recommender, training: TrainingData, seed: int, progress: Progress | None = None
) -> Recommender:
    """The judged model's recipe fitted on ``training``: what was judged is what is published.

    The ranker is dropped where a source that it was taught with cannot run any more.
    """
    notes = Notes(progress or log.info)
    notes.left_out.update(judged.report.left_out)
    notes.validation.update(judged.report.validation)
    settings = {name: source.params for name, source in judged.sources.items()}
    config = replace(judged.config, sources=judged.source_names)
    sources = fit_sources(training, config, settings, seed, notes)
    recommender = replace(
        judged,
        catalogue=training.catalogue,
        n_fitted=training.n_items,
        sources=sources,
        weights={name: judged.weights.get(name, 0.0) for name in sources},
        statistics=item_statistics(training, config),
        segment_names=training.segment_names,
        ranker=judged.ranker if set(sources) == set(judged.sources) else None,
    )
    with notes.timed("learn reach"):
        recommender = with_reach(recommender, training.histories, judged.reach, seed)
    report = replace(
        judged.report, left_out=notes.left_out, validation=notes.validation, seconds=notes.seconds
    )
    return replace(recommender, report=report)
