"""How a user gets a list: the one definition that nightly, publish and refresh share."""

from __future__ import annotations

from collections.abc import Iterator

from include.config.domain import Domain
from include.ranking.session_order import order_by_session
from include.recommender.histories import Histories
from include.recommender.lists import Lists
from include.recommender.model import Recommender
from include.recommender.recommend import recommend_blocks


def list_users(recommender: Recommender, domain: Domain, histories: Histories) -> Iterator[Lists]:
    """Blocks of lists with their candidates, in the row order of ``histories``; memory of one block."""
    done = 0
    for lists in recommend_blocks(recommender, histories, with_candidates=True):
        block = histories.block(done, done + len(lists.item_idx))
        done += len(lists.item_idx)
        yield order_by_session(
            recommender,
            block,
            lists,
            domain.refresh.session_half_life_minutes,
            domain.refresh.session_strength,
        )
