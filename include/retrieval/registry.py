"""All sources by name; the order is the order of reports."""

from __future__ import annotations

from include.retrieval.als import Als, CoarseAls
from include.retrieval.covisitation import Covisitation
from include.retrieval.ease import Ease, WeightedEase
from include.retrieval.item_to_item import ItemToItem
from include.retrieval.item_vectors import ItemVectors
from include.retrieval.popular import Popular
from include.retrieval.related import Related
from include.retrieval.repeat import Repeat
from include.retrieval.source import Source
from include.retrieval.text import Text
from include.retrieval.trending import Trending
from include.retrieval.user_to_user import UserToUser

_ALL: tuple[type[Source], ...] = (
    Als,
    CoarseAls,
    Ease,
    WeightedEase,
    ItemToItem,
    UserToUser,
    Covisitation,
    Text,
    ItemVectors,
    Related,
    Repeat,
    Popular,
    Trending,
)
SOURCES: dict[str, type[Source]] = {source.name: source for source in _ALL}
FALLBACK = Popular.name  # always fitted: it fills lists and serves strangers
