"""What the search tries for each source; small, and smaller where a fit is dear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from include.retrieval.als import AlsParams
from include.retrieval.covisitation import CovisitationParams
from include.retrieval.ease import EaseParams
from include.retrieval.item_to_item import ItemToItemParams
from include.retrieval.popular import PopularParams
from include.retrieval.registry import SOURCES
from include.retrieval.repeat import RepeatParams
from include.retrieval.text import TextParams

# An EASE fit takes O(items^3); beyond this many items only every second setting is tried.
DEAR_ITEMS = 3000

GRIDS: dict[str, tuple[Any, ...]] = {
    "als": (
        AlsParams(factors=64, regularization=30, alpha=2),
        AlsParams(factors=64, regularization=20, alpha=1),
        AlsParams(factors=64, regularization=5, alpha=10),
        AlsParams(factors=64, regularization=30, alpha=2, half_life_days=60),
    ),
    "ease": (
        EaseParams(regularization=200),
        EaseParams(regularization=50),
        EaseParams(regularization=200, half_life_days=60),
    ),
    "item_to_item": (
        ItemToItemParams(neighbours=1000, shrinkage=1),
        ItemToItemParams(neighbours=1000, shrinkage=1, half_life_days=60),
        ItemToItemParams(weighting="cosine", neighbours=100),
    ),
    "covisitation": (
        CovisitationParams(last_items=10),
        CovisitationParams(last_items=1000, max_gap_events=40),
    ),
    "text": (TextParams(), TextParams(half_life_days=30.0)),
    "repeat": (
        RepeatParams(half_life_days=None),
        RepeatParams(half_life_days=90),
        RepeatParams(half_life_days=30),
    ),
    "popular": (
        PopularParams(half_life_days=30),
        PopularParams(half_life_days=90),
        PopularParams(half_life_days=None),
        PopularParams(half_life_days=7),
    ),
}


def grid_for(source: str, n_items: int, fixed: Any | None = None) -> tuple[Any, ...]:
    """Settings to try.  fixed: what the domain file sets by hand, which ends the search for that source."""
    if fixed is not None:
        return (fixed,)
    grid = GRIDS.get(source, (SOURCES[source][1](),))
    if source == "ease" and n_items > DEAR_ITEMS:
        return grid[:1] + grid[2::2]
    return grid


def neighbours_of(params: AlsParams | EaseParams) -> tuple[Any, ...]:
    """Settings one step away, for the weekly search that starts from the champion's."""
    steps = [replace(params, regularization=params.regularization * step) for step in (0.5, 2.0)]
    if isinstance(params, AlsParams):
        steps += [replace(params, alpha=params.alpha * step) for step in (0.5, 2.0)]
        steps += [replace(params, factors=max(8, int(params.factors * step))) for step in (0.5, 2.0)]
    return tuple(steps)
