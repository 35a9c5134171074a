"""What a whole set of settings is worth: the blend of all sources, its weights tuned for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from include.evaluation.split import Split
from include.recommender.config import ModelConfig
from include.recommender.fit import Notes, choose


def blended_ndcg(
    splits: Sequence[Split],
    config: ModelConfig,
    params: Mapping[str, Any],
    seed: int,
    progress: Callable[[str], None],
) -> float:
    """Mean nDCG@10 over the judged users of the splits.  params: source -> settings; others have defaults.

    Without ranker and reach: both are learned anew from whatever the blend brings.
    """
    notes = Notes(progress)
    blend_only = replace(config, ranking="blend", diversity=replace(config.diversity, reach=0.0))
    choose(splits, blend_only, seed, params, notes)
    return notes.validation["blend"]
