"""What the searches try for each source: a small grid in the first nightly, a wide one in tune_models.

Both are smaller where a fit is dear.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from include.retrieval.als import AlsParams, CoarseAlsParams
from include.retrieval.covisitation import CovisitationParams
from include.retrieval.ease import EaseParams, WeightedEaseParams
from include.retrieval.item_to_item import ItemToItemParams
from include.retrieval.popular import PopularParams
from include.retrieval.registry import SOURCES
from include.retrieval.repeat import RepeatParams
from include.retrieval.text import TextParams
from include.retrieval.trending import TrendingParams

# An EASE fit takes O(items^3); beyond this many items the small search tries every second setting, the wide
# one nothing but the small grid and the steps from the best of it.
DEAR_ITEMS = 3000
DEAR_SOURCES = ("ease", "ease_weighted")

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


# What tune_models tries besides: far apart, since it goes on from the best of them by smaller steps.
WIDE: dict[str, tuple[Any, ...]] = {
    "als": (
        AlsParams(factors=32, regularization=30, alpha=2),
        AlsParams(factors=128, regularization=30, alpha=2),
        AlsParams(factors=64, regularization=100, alpha=5),
        AlsParams(factors=64, regularization=10, alpha=40),
        AlsParams(factors=64, regularization=30, alpha=2, power=1),
        AlsParams(factors=64, regularization=30, alpha=2, half_life_days=20),
        AlsParams(factors=64, regularization=30, alpha=2, half_life_days=180),
    ),
    "als_coarse": (
        CoarseAlsParams(),
        CoarseAlsParams(factors=12),
        CoarseAlsParams(regularization=5, alpha=10),
        CoarseAlsParams(half_life_days=60),
    ),
    "ease": (
        EaseParams(regularization=1000),
        EaseParams(regularization=20),
        EaseParams(regularization=200, dropout=0),
        EaseParams(regularization=200, text_weight=0),
        EaseParams(regularization=200, half_life_days=20),
        EaseParams(regularization=200, half_life_days=180),
    ),
    "ease_weighted": (
        WeightedEaseParams(),
        WeightedEaseParams(regularization=5000),
        WeightedEaseParams(regularization=300),
        WeightedEaseParams(half_life_days=60),
    ),
    "item_to_item": (
        ItemToItemParams(),
        ItemToItemParams(neighbours=1000, shrinkage=1, half_life_days=20),
        ItemToItemParams(neighbours=1000, shrinkage=50),
        ItemToItemParams(weighting="cosine", neighbours=1000, half_life_days=60),
    ),
    "covisitation": (
        CovisitationParams(last_items=3),
        CovisitationParams(window_minutes=24 * 60, max_gap_events=40, last_items=1000),
    ),
    "text": (TextParams(half_life_days=7), TextParams(power=1)),
    "trending": (
        TrendingParams(),
        TrendingParams(window_days=3),
        TrendingParams(window_days=14),
        TrendingParams(prior_users=20),
    ),
}
# Field -> factors by which a neighbour differs.
STEPS: dict[str, tuple[float, ...]] = {
    "factors": (0.5, 2.0),
    "regularization": (0.5, 2.0),
    "alpha": (0.5, 2.0),
    "half_life_days": (0.5, 2.0),
    "shrinkage": (0.3, 3.0),
    "last_items": (0.5, 2.0),
    "window_days": (0.5, 2.0),
}
LEAST_FACTORS = 8


def grid_for(source: str, n_items: int, fixed: Any | None = None) -> tuple[Any, ...]:
    """Settings to try.  fixed: what the domain file sets by hand, which ends the search for that source."""
    if fixed is not None:
        return (fixed,)
    grid = GRIDS.get(source, (SOURCES[source][1](),))
    if source == "ease" and n_items > DEAR_ITEMS:
        return grid[:1] + grid[2::2]
    return grid


def wide_grid_for(source: str, n_items: int, start: Any | None = None) -> tuple[Any, ...]:
    """The champion's settings (``start``) first, then the small grid, then WIDE; each setting once."""
    is_dear = source in DEAR_SOURCES and n_items > DEAR_ITEMS
    more = () if is_dear else WIDE.get(source, ())
    first = () if start is None else (start,)
    return tuple(dict.fromkeys((*first, *grid_for(source, n_items), *more)))


def neighbours_of(params: Any) -> tuple[Any, ...]:
    """Settings that differ in one number by one step, up and down."""
    found = []
    for name, steps in STEPS.items():
        value = getattr(params, name, None)
        if not value:
            continue
        for step in steps:
            moved = max(_least(name), int(value * step)) if isinstance(value, int) else value * step
            if moved != value:
                found.append(replace(params, **{name: moved}))
    return tuple(found)


def _least(name: str) -> int:
    return LEAST_FACTORS if name == "factors" else 1
