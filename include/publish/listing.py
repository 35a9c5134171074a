"""How a user gets a list: the one definition that nightly, publish and refresh share."""

from __future__ import annotations

from collections.abc import Iterator

from include.config.domain import Domain
from include.interactions.histories import Histories
from include.recommender.build_lists import recommend_blocks
from include.recommender.lists import Lists
from include.recommender.model import Recommender
from include.recommender.session_order import order_by_session


def list_users(recommender: Recommender, domain: Domain, histories: Histories) -> Iterator[Lists]:
    """Blocks of lists with their candidates, in the row order of ``histories``; memory of a few blocks."""
    settings = domain.refresh

    def in_session_order(block: Histories, lists: Lists) -> Lists:
        half_life, strength = settings.session_half_life_minutes, settings.session_strength
        return order_by_session(recommender, block, lists, half_life, strength)

    return recommend_blocks(recommender, histories, with_candidates=True, finish=in_session_order)
