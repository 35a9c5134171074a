"""Choose each source's settings on inner splits of the training data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from include.evaluation.evaluate import hits_of
from include.evaluation.metrics.ndcg import ndcg
from include.evaluation.split import Split
from include.ranking.blend import top_k
from include.ranking.rules import allowed_items, open_items
from include.recommender.config import ModelConfig
from include.retrieval.registry import SOURCES
from include.retrieval.source import SourceUnavailable
from include.tuning.grids import grid_for

K = 10
JUDGED_AT_ONCE = 512
TIE_ERRORS = 0.5


@dataclass(frozen=True)
class Trial:
    """One setting of one source.  by_user: nDCG@10 of every judged user of the splits, float64 (n_users,)."""

    source: str
    params: Any
    by_user: np.ndarray

    @property
    def ndcg(self) -> float:
        return float(self.by_user.mean())

    def row(self) -> dict[str, Any]:
        """Flat, for a table of proposals."""
        return {"source": self.source, "ndcg@10": self.ndcg, "params": asdict(self.params)}


def run_trial(source: str, params: Any, splits: Sequence[Split], config: ModelConfig, seed: int) -> Trial:
    """Fit one setting on each split's train side and judge its list alone.  Raises SourceUnavailable."""
    values = []
    for split in splits:
        fitted = SOURCES[source][0].fit(split.train, params, seed)
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
    grid = grid_for(source, splits[0].train.n_items, config.params.get(source))
    trials = [run_trial(source, params, splits, config, seed) for params in grid]
    best = max(trials, key=lambda trial: trial.ndcg)
    chosen = next(trial for trial in trials if _is_tied(trial.by_user, best.by_user))
    trials.sort(key=lambda trial: (trial is not chosen, -trial.ndcg))
    progress(f"tuned {source}: nDCG@10 {chosen.ndcg:.4f}, best of {len(trials)} {best.ndcg:.4f}")
    return trials


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
