"""What sets of settings are worth together: the blend of all sources, its weights tuned for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from include.evaluation.split import Split
from include.recommender.model_config import ModelConfig
from include.tuning.fit import Notes, choose

Worth = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Combined:
    """settings: source -> params.  ndcg: of their blend; champion: of the champion's, None without one."""

    settings: dict[str, Any]
    ndcg: float
    champion: float | None


def combine_settings(
    found: Mapping[str, Any],
    champion: Mapping[str, Any] | None,
    worth: Worth,
    progress: Callable[[str], None],
) -> Combined:
    """The champion's settings with those of `found` by which the blend gains, one source after the other.

    What is best for a source alone need not be best for the blend: it may say what another says already.
    found, champion: source -> params, the same sources, those that gain most alone first.  worth: of a blend.
    """
    if champion is None:
        return Combined(dict(found), worth(found), None)
    settings, before = dict(champion), worth(champion)
    best = before
    for name, params in found.items():
        if params == settings[name]:
            continue
        value = worth(settings | {name: params})
        progress(f"blend with the new {name}: nDCG@10 {value:.4f}, without {best:.4f}")
        if value > best:
            settings[name], best = params, value
    return Combined(settings, best, before)


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
