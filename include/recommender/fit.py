"""Fit a recommender: sources, blend weights on an inner time split, then all of the data."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from include.errors import DataError
from include.evaluation.split import Split, time_split
from include.ranking.blend import normalise
from include.ranking.rules import allowed_items, open_items
from include.recommender.config import ModelConfig
from include.recommender.model import FitReport, ItemStatistics, Recommender
from include.recommender.training import TrainingData
from include.retrieval.popular import popularity
from include.retrieval.registry import FALLBACK, SOURCES
from include.retrieval.source import Source, SourceUnavailable
from include.retrieval.trending import trend
from include.tuning.blend_weights import BlendPool, search_blend_weights

log = logging.getLogger(__name__)
Progress = Callable[[str], None]
# Without anybody to judge by: collaborative sources count most, the rest fill in.
UNTUNED_WEIGHTS = {
    "als": 1.0,
    "ease": 1.0,
    "item_to_item": 0.5,
    "covisitation": 0.2,
    "text": 0.2,
    "repeat": 0.5,
}
UNTUNED_POPULARITY = 0.1
MIN_JUDGED_USERS = 20  # fewer and the search fits their chance; the untuned weights are safer


def fit_recommender(
    training: TrainingData, config: ModelConfig, seed: int, progress: Progress | None = None
) -> Recommender:
    """Learn everything from `training`.  Raises DataError where there is no interaction at all.

    Same inputs and seed give the same model.  Sources that cannot run are in report.left_out.
    """
    if training.histories.weights.nnz == 0:
        raise DataError(
            f"fit: no positive interaction among {training.n_users} users and {training.n_items} items; "
            "check the event types' weights and the input window"
        )
    say = progress or log.info
    seconds: dict[str, float] = {}
    left_out: dict[str, str] = {}
    split = time_split(
        training, config.tuning.holdout_share, config.consumed, max_users=config.tuning.max_users, seed=seed
    )
    weights: dict[str, float] = {}
    validation: dict[str, float] = {}
    if config.tuning.enabled and len(split.users) >= MIN_JUDGED_USERS:
        started = time.perf_counter()
        inner = fit_sources(split.train, config, config.params, seed, {}, {}, say)
        weights, validation = tune_blend(inner, split, config)
        seconds["tune"] = time.perf_counter() - started
    sources = fit_sources(training, config, config.params, seed, left_out, seconds, say)
    if not weights:
        weights = {name: UNTUNED_WEIGHTS.get(name, UNTUNED_POPULARITY) for name in sources}
    report = FitReport(
        left_out, {name: asdict(source.params) for name, source in sources.items()}, validation, seconds
    )
    return Recommender(
        training.catalogue,
        training.n_items,
        config,
        sources,
        {name: weights.get(name, 0.0) for name in sources},
        item_statistics(training),
        training.segment_names,
        report,
    )


def fit_sources(
    training: TrainingData,
    config: ModelConfig,
    params: Mapping[str, Any],
    seed: int,
    left_out: dict[str, str],
    seconds: dict[str, float],
    progress: Progress,
) -> dict[str, Source]:
    """Fit each configured source; why one could not run goes into left_out, its time into seconds."""
    sources: dict[str, Source] = {}
    wanted = [name for name in SOURCES if name in config.sources or name == FALLBACK]
    for name in wanted:
        source_type, params_type = SOURCES[name]
        started = time.perf_counter()
        try:
            sources[name] = source_type.fit(training, params.get(name, params_type()), seed)
        except SourceUnavailable as reason:
            left_out[name] = str(reason)
            progress(str(reason))
            continue
        seconds[f"fit {name}"] = time.perf_counter() - started
        progress(f"fitted {name} in {seconds[f'fit {name}']:.1f} s")
    return sources


def tune_blend(
    sources: Mapping[str, Source], split: Split, config: ModelConfig
) -> tuple[dict[str, float], dict[str, float]]:
    """(weights, figures): figures hold nDCG@10 of each source alone and of the blend on the split."""
    histories = split.histories
    is_open = open_items(split.train.catalogue, config.rules)
    allowed = allowed_items(histories, is_open, config.consumed)
    scaled = np.stack([normalise(source.score(histories)) for source in sources.values()])
    pool = BlendPool(scaled, allowed, split.relevant, config.source_size)
    names = list(sources)
    figures = {
        f"{name} alone": float(pool.ndcg(np.eye(len(names))[position]).mean())
        for position, name in enumerate(names)
    }
    weights, figures["blend"] = search_blend_weights(pool, names)
    return weights, figures


def item_statistics(training: TrainingData) -> ItemStatistics:
    """Popularity of each item, for figures and features."""
    histories = training.histories
    n_users = np.bincount(histories.weights.indices, minlength=training.n_items)
    return ItemStatistics(
        n_users.astype(np.float32),
        popularity(histories, 30.0).astype(np.float32),
        trend(histories, 7.0, 5.0),
    )
