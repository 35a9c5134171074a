"""All sources by name, with their parameters; the order is the order of reports."""

from __future__ import annotations

from typing import Any

from include.retrieval.als import Als, AlsParams, CoarseAls, CoarseAlsParams
from include.retrieval.covisitation import Covisitation, CovisitationParams
from include.retrieval.ease import Ease, EaseParams, WeightedEase, WeightedEaseParams
from include.retrieval.item_to_item import ItemToItem, ItemToItemParams
from include.retrieval.popular import Popular, PopularParams
from include.retrieval.repeat import Repeat, RepeatParams
from include.retrieval.text import Text, TextParams
from include.retrieval.trending import Trending, TrendingParams

SOURCES: dict[str, tuple[Any, Any]] = {
    "als": (Als, AlsParams),
    "als_coarse": (CoarseAls, CoarseAlsParams),
    "ease": (Ease, EaseParams),
    "ease_weighted": (WeightedEase, WeightedEaseParams),
    "item_to_item": (ItemToItem, ItemToItemParams),
    "covisitation": (Covisitation, CovisitationParams),
    "text": (Text, TextParams),
    "repeat": (Repeat, RepeatParams),
    "popular": (Popular, PopularParams),
    "trending": (Trending, TrendingParams),
}
FALLBACK = "popular"  # always fitted: it fills lists and serves strangers
