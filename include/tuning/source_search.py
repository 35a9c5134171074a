"""Choose each source's settings on inner splits of the training data."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.split import Split
from include.ranking.blend import top_k
from include.ranking.first_places import K
from include.ranking.rules import allowed_items, open_items
from include.recommender.model_config import ModelConfig
from include.retrieval.registry import SOURCES
from include.retrieval.source import SourceUnavailable
from include.tuning.grids import grid_for, neighbours_of, wide_grid_for

JUDGED_AT_ONCE = 512
TIE_ERRORS = 0.5
MAX_STEPS = 3


@dataclass(frozen=True)
class Trial:
    """One setting of one source.  by_user: nDCG@10 of every judged user of the splits, float64 (n_users,)."""

    source: str
    params: Any
    by_user: np.ndarray

    @property
    def ndcg(self) -> float:
        return float(self.by_user.mean())

    @property
    def standard_error(self) -> float:
        """Of the mean over users."""
        return float(self.by_user.std() / np.sqrt(max(len(self.by_user), 1)))

    def row(self) -> TrialRow:
        return TrialRow(asdict(self.params), self.ndcg, self.standard_error, len(self.by_user))


@dataclass(frozen=True)
class TrialRow:
    """What ops.tuning_trials keeps of a trial but its order.  params: as JSON; users: how many judged."""

    params: dict[str, Any]
    ndcg: float
    standard_error: float
    users: int


def run_trial(source: str, params: Any, splits: Sequence[Split], config: ModelConfig, seed: int) -> Trial:
    """Fit one setting on each split's train side, as `fit_sources` does, and judge its list alone.

    Raises SourceUnavailable.
    """
    values = []
    for split in splits:
        fitted = SOURCES[source].fit(split.train.learned_from(config.newcomers), params, seed)
        is_open = open_items(split.train.catalogue, config.rules)
        for start in range(0, len(split.users), JUDGED_AT_ONCE):
            rows = slice(start, start + JUDGED_AT_ONCE)
            histories = split.train.histories.rows(split.users[rows])
            visible = np.where(
                allowed_items(histories, is_open, config.consumed), fitted.score(histories), -np.inf
            )
            hits = hits_of(top_k(visible, K), split.relevant[rows])
            values.append(ndcg(hits, split.n_relevant[rows]))
    return Trial(source, params, np.concatenate(values))


def search_source(
    source: str,
    splits: Sequence[Split],
    config: ModelConfig,
    seed: int,
    progress: Callable[[str], None],
) -> list[Trial]:
    """All trials of a source, the chosen one first.  Raises SourceUnavailable.

    Chosen is the earliest of the grid that lies within TIE_ERRORS standard errors of the best: with few
    judged users the maximum of a grid is mostly luck, and the grid begins with what usually does well.
    """
    began = time.monotonic()
    grid = grid_for(source, splits[0].train.n_items, config.params.get(source))
    trials = [run_trial(source, params, splits, config, seed) for params in grid]
    chosen = choose_trial(trials)
    progress(
        f"tuned {source}: nDCG@10 {chosen.ndcg:.4f}, best of {len(trials)} {_best(trials).ndcg:.4f},"
        f" {time.monotonic() - began:.1f} s"
    )
    return sorted(trials, key=lambda trial: (trial is not chosen, -trial.ndcg))


def search_wide(
    source: str,
    splits: Sequence[Split],
    config: ModelConfig,
    seed: int,
    progress: Callable[[str], None],
    start: Any | None = None,
) -> list[Trial]:
    """All trials of a source in the order in which they were made.  Raises SourceUnavailable.

    The wide grid, then the neighbours of the best so far, for MAX_STEPS rounds or until none is better.
    start: the champion's settings. They come first, so that `choose_trial` leaves them only for something
    that is better by more than luck.
    """
    fixed = config.params.get(source)
    if fixed is not None:
        return [run_trial(source, fixed, splits, config, seed)]
    trials: list[Trial] = []
    waiting = wide_grid_for(source, splits[0].train.n_items, start)
    for _ in range(1 + MAX_STEPS):
        total = len(trials) + len(waiting)
        for params in waiting:
            trials.append(run_trial(source, params, splits, config, seed))
            last = trials[-1]
            figures = f"nDCG@10 {last.ndcg:.4f} ± {last.standard_error:.4f}"
            best_yet = f"best so far {_best(trials).ndcg:.4f}"
            progress(f"{source}: trial {len(trials)} of {total}: {figures}, {best_yet}: {last.params}")
        best = _best(trials)
        if best.params not in waiting:
            break
        tried = {trial.params for trial in trials}
        waiting = tuple(params for params in neighbours_of(best.params) if params not in tried)
    return trials


def choose_trial(trials: Sequence[Trial]) -> Trial:
    """The earliest that lies within TIE_ERRORS standard errors of the best."""
    best = _best(trials)
    return next(trial for trial in trials if _is_tied(trial.by_user, best.by_user))


def _best(trials: Sequence[Trial]) -> Trial:
    return max(trials, key=lambda trial: trial.ndcg)


def _is_tied(values: np.ndarray, best: np.ndarray) -> bool:
    lost = best - values
    error = lost.std() / np.sqrt(max(len(lost), 1))
    return bool(lost.mean() <= TIE_ERRORS * error)


def search_params(
    names: Sequence[str],
    splits: Sequence[Split],
    config: ModelConfig,
    seed: int,
    progress: Callable[[str], None],
) -> dict[str, list[Trial]]:
    """Trials of every source that can run on the splits; one that cannot is left for the fit to report."""
    found = {}
    for name in names:
        try:
            found[name] = search_source(name, splits, config, seed, progress)
        except SourceUnavailable as reason:
            progress(str(reason))
    return found


def best_params(trials: Mapping[str, Sequence[Trial]]) -> dict[str, Any]:
    """Source -> params of its best trial."""
    return {name: rows[0].params for name, rows in trials.items()}
