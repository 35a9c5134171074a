"""Fit a recommender: choose settings, weights and ranker on inner splits, then learn from all of the data."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from include.errors import DataError
from include.evaluation.split import Split, random_split, time_split
from include.interactions.training_data import TrainingData
from include.ranking.ranker import Ranker
from include.ranking.ranking_features import ItemStatistics
from include.recommender.model import FitReport, Recommender
from include.recommender.model_config import ModelConfig
from include.retrieval.popular import popularity
from include.retrieval.registry import FALLBACK, SOURCES
from include.retrieval.source import Source, SourceUnavailable
from include.retrieval.trending import trend
from include.tuning.blend_weights import join_pools, pool_candidates, search_blend_weights
from include.tuning.choose_reach import choose_reach, with_reach
from include.tuning.learned_ranking import learn_ranker
from include.tuning.source_search import best_params, search_params

log = logging.getLogger(__name__)
Progress = Callable[[str], None]
MAX_WINDOWS = 3
ENOUGH_JUDGED_USERS = 300  # nDCG@10 is known to about ±0.015 then
MIN_JUDGED_USERS = 20  # fewer and the search fits their chance; the untuned weights are safer
# The search sees at most this many events, whole users at a time: beyond, settings no longer move.
MAX_SEARCH_EVENTS = 200_000


@dataclass
class Notes:
    """What a fit collects on its way for the report."""

    progress: Progress
    left_out: dict[str, str] = field(default_factory=dict)
    validation: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the block's wall time to seconds[step]."""
        started = time.perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - started


@dataclass(frozen=True)
class Choice:
    """What was chosen on the inner splits: settings of each source, weights of the blend, ranker, reach."""

    params: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    ranker: Ranker | None = None
    reach: float = 0.0


def fit_recommender(
    training: TrainingData,
    config: ModelConfig,
    seed: int,
    progress: Progress | None = None,
    *,
    splits: Sequence[Split] | None = None,
    params: Mapping[str, Any] | None = None,
) -> Recommender:
    """Learn everything from `training`; same inputs and seed give the same model.

    splits: judge by these instead of inner_splits(training); they must hold nothing but training data.
    params: source -> settings already chosen (a champion's, a proposal's); only the blend and the ranker are
    then tuned.  Raises DataError where there is no interaction at all; a source that cannot run is left out,
    with the reason in report.left_out.
    """
    if training.histories.weights.nnz == 0:
        raise DataError(
            f"fit: no positive interaction among {training.n_users} users and {training.n_items} items; "
            "check the event types' weights and the input window"
        )
    notes = Notes(progress or log.info)
    choice = Choice(dict(config.params) | dict(params or {}))
    if config.tuning.enabled:
        if splits is None:
            splits = inner_splits(training, config, seed)
        if splits:
            choice = choose(splits, config, seed, params, notes)
        else:
            notes.progress("too few users to judge by: default settings and weights are used")
    sources = fit_sources(training, config, choice.params, seed, notes)
    # A ranker reads one column a source: it cannot be used with other sources than it was taught with.
    ranker = choice.ranker if choice.weights and set(choice.weights) == set(sources) else None
    recommender = _assemble(training, config, sources, choice.weights, ranker, notes)
    reach = choice.reach if config.diversity.reach is None else config.diversity.reach
    with notes.timed("learn reach"):
        return with_reach(recommender, training.histories, reach, seed)


def inner_splits(training: TrainingData, config: ModelConfig, seed: int) -> list[Split]:
    """Global time splits of the training data, of whole users up to MAX_SEARCH_EVENTS.

    The newest window judges; while fewer than ENOUGH_JUDGED_USERS came back in it, windows before it judge
    too, each against what was known before it began (rolling origin).
    Where nobody came back after the cutoff (one-visit users, equal timestamps), pairs are held out at
    random instead; where even that leaves fewer than MIN_JUDGED_USERS, nothing is returned.
    """
    sampled = sample_users(training, MAX_SEARCH_EVENTS, seed)
    tuning = config.tuning
    by_time: list[Split] = []
    known = sampled
    while len(by_time) < MAX_WINDOWS and sum(len(split.users) for split in by_time) < ENOUGH_JUDGED_USERS:
        split = time_split(
            known, tuning.holdout_share, config.consumed, max_users=tuning.max_users, seed=seed
        )
        if len(split.users) < MIN_JUDGED_USERS:
            break
        by_time.append(split)
        known = split.train
    if by_time:
        return by_time
    at_random = random_split(
        sampled, tuning.holdout_share, config.consumed, max_users=tuning.max_users, seed=seed
    )
    return [at_random] if len(at_random.users) >= MIN_JUDGED_USERS else []


def sample_users(training: TrainingData, max_events: int, seed: int) -> TrainingData:
    """The same data, or that of so many random users as hold about max_events events."""
    n_events = len(training.events)
    if n_events <= max_events:
        return training
    share = max_events / n_events
    is_kept = np.random.default_rng(seed).random(training.n_users) < share
    return training.with_events(training.events.where(is_kept[training.events.user_idx]), training.as_of)


def choose(
    splits: Sequence[Split], config: ModelConfig, seed: int, params: Mapping[str, Any] | None, notes: Notes
) -> Choice:
    """Settings, weights, ranker and reach by the judged users of the splits."""
    names = wanted_sources(config)
    chosen = dict(config.params) | dict(params or {})
    if params is None:
        with notes.timed("tune settings"):
            chosen = best_params(search_params(names, splits, config, seed, notes.progress))
    inner = []
    with notes.timed("tune blend"):
        for split in splits:
            quiet = Notes(log.debug)
            sources = fit_sources(split.train, config, chosen, seed, quiet)
            inner.append(_assemble(split.train, config, sources, {}, None, quiet))
        # An older window may be too short for a source (trending): only those like the newest judge a blend.
        alike = [at for at, model in enumerate(inner) if model.source_names == inner[0].source_names]
        splits, inner = [splits[at] for at in alike], [inner[at] for at in alike]
        pool = join_pools([pool_candidates(model, split) for model, split in zip(inner, splits, strict=True)])
        source_names = inner[0].source_names
        for position, name in enumerate(source_names):
            notes.validation[f"{name} alone"] = float(pool.ndcg(np.eye(len(source_names))[position]).mean())
        weights, notes.validation["blend"] = search_blend_weights(pool, source_names)
        notes.progress(f"tuned blend: nDCG@10 {notes.validation['blend']:.4f}")
    ranker = None
    weighted = [replace(model, weights=weights) for model in inner]
    if config.ranking != "blend":
        with notes.timed("learn ranker"):
            ranker, figures = learn_ranker(weighted, splits, seed, must_win=config.ranking == "auto")
            notes.validation |= figures
            notes.progress(f"learned ranker: {'used' if ranker else 'not used'} {figures}")
    if config.diversity.reach is not None:
        return Choice(chosen, weights, ranker)
    with notes.timed("choose reach"):
        # By the blend: the trees know the judged users by heart, and would find few hits on the last places.
        reach, figures = choose_reach(weighted, splits, seed)
        notes.validation |= figures
        notes.progress(f"chose reach {reach:g}: nDCG@10 {figures}")
    return Choice(chosen, weights, ranker, reach)


def wanted_sources(config: ModelConfig) -> tuple[str, ...]:
    """The configured sources and the fallback, in the registry's order."""
    return tuple(name for name in SOURCES if name in config.sources or name == FALLBACK)


def fit_sources(
    training: TrainingData, config: ModelConfig, params: Mapping[str, Any], seed: int, notes: Notes
) -> dict[str, Source]:
    """Fit each configured source; why one could not run goes into notes.left_out."""
    sources: dict[str, Source] = {}
    training = training.learned_from(config.newcomers)
    for name in wanted_sources(config):
        source_type = SOURCES[name]
        try:
            with notes.timed(f"fit {name}"):
                sources[name] = source_type.fit(training, params.get(name, source_type.params_type()), seed)
        except SourceUnavailable as reason:
            notes.left_out[name] = str(reason)
            notes.progress(str(reason))
            continue
        notes.progress(f"fitted {name} in {notes.seconds[f'fit {name}']:.1f} s")
    return sources


def item_statistics(training: TrainingData, config: ModelConfig) -> ItemStatistics:
    """Popularity of each item, for figures and features."""
    histories = training.learned_from(config.newcomers).histories
    n_users = np.bincount(histories.weights.indices, minlength=training.n_items)
    return ItemStatistics(
        n_users.astype(np.float32),
        popularity(histories, 30.0).astype(np.float32),
        trend(histories, 7.0, 5.0),
    )


def _assemble(
    training: TrainingData,
    config: ModelConfig,
    sources: dict[str, Source],
    weights: Mapping[str, float],
    ranker: Ranker | None,
    notes: Notes,
) -> Recommender:
    if not weights:
        weights = {name: source.untuned_weight for name, source in sources.items()}
    return Recommender(
        training.catalogue,
        training.n_items,
        config,
        sources,
        {name: weights.get(name, 0.0) for name in sources},
        item_statistics(training, config),
        training.segment_names,
        FitReport(
            notes.left_out,
            {name: asdict(source.params) for name, source in sources.items()},
            notes.validation,
            notes.seconds,
        ),
        ranker,
    ).with_cold_items()
