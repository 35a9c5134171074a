"""What the searches try of a source's grids: the small one in the first nightly, the wide one in tune_models.

Both are smaller where a fit is dear.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from include.retrieval.registry import SOURCES

# Where a fit takes O(items^3), beyond this many items the small search tries every second setting, the wide
# one nothing but the small grid and the steps from the best of it.
DEAR_ITEMS = 3000

# Field -> factors by which a neighbour differs.
STEPS: dict[str, tuple[float, ...]] = {
    "factors": (0.5, 2.0),
    "regularization": (0.5, 2.0),
    "alpha": (0.5, 2.0),
    "half_life_days": (0.5, 2.0),
    "shrinkage": (0.3, 3.0),
    "sharpness": (0.5, 2.0),
    "last_items": (0.5, 2.0),
    "window_days": (0.5, 2.0),
}
MIN_FACTORS = 8


def grid_for(source: str, n_items: int, fixed: Any | None = None) -> tuple[Any, ...]:
    """Settings to try.  fixed: what the domain file sets by hand, which ends the search for that source."""
    if fixed is not None:
        return (fixed,)
    grid = SOURCES[source].grid
    if SOURCES[source].is_cubic and n_items > DEAR_ITEMS:
        return grid[:1] + grid[2::2]
    return grid


def wide_grid_for(source: str, n_items: int, start: Any | None = None) -> tuple[Any, ...]:
    """The champion's settings (``start``) first, then the small grid, then the wide one; each once."""
    is_dear = SOURCES[source].is_cubic and n_items > DEAR_ITEMS
    more = () if is_dear else SOURCES[source].wide_grid
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
            moved = max(_smallest(name), int(value * step)) if isinstance(value, int) else value * step
            if moved != value:
                found.append(replace(params, **{name: moved}))
    return tuple(found)


def _smallest(name: str) -> int:
    return MIN_FACTORS if name == "factors" else 1
