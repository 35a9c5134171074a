"""Which items a user may get at all, and what the domain boosts."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from include.config.consumed import Consumed
from include.config.section import Number, Texts, section
from include.interactions.catalogue import Catalogue
from include.interactions.histories import Histories

Factor = Annotated[Number, Field(ge=0.01, le=100)]


@section
class Rules:
    """What the domain forbids and favours."""

    block_items: Texts = ()
    """Ids of items that are never listed."""

    block_categories: Texts = ()
    """Categories whose items are never listed."""

    boost_items: dict[str, Factor] = Field(default_factory=dict)
    """Item id -> factor on its score in the blend; below 1 it is listed less."""

    boost_categories: dict[str, Factor] = Field(default_factory=dict)
    """Category -> factor on the score of its items."""


def open_items(catalogue: Catalogue, rules: Rules) -> np.ndarray:
    """bool (n_items,): available and not blocked."""
    is_open = catalogue.is_available.copy()
    if rules.block_items:
        is_open &= ~np.isin(catalogue.item_ids, rules.block_items)
    if rules.block_categories and catalogue.category is not None:
        is_open &= ~np.isin(catalogue.category, rules.block_categories)
    return is_open


def allowed_items(histories: Histories, is_open: np.ndarray, consumed: Consumed) -> np.ndarray:
    """bool (n_users, n_items): open, and not consumed where the domain excludes what is."""
    allowed = np.broadcast_to(is_open, (histories.n_users, len(is_open))).copy()
    if consumed.mode == "allow":
        return allowed
    users = np.repeat(np.arange(histories.n_users), np.diff(histories.consumed.indptr))
    items = histories.consumed.indices
    if consumed.mode == "after":
        is_fresh = histories.consumed.data < consumed.days
        users, items = users[is_fresh], items[is_fresh]
    allowed[users, items] = False
    return allowed


def boosts(catalogue: Catalogue, rules: Rules) -> np.ndarray | None:
    """float32 (n_items,) to add to a normalised score, log of the domain's factors; None without rules.

    A factor of 2 lifts an item by log 2 = 0.7 standard deviations of the user's scores.
    """
    if not rules.boost_items and not rules.boost_categories:
        return None
    factor = np.ones(len(catalogue))
    for item_id, times in rules.boost_items.items():
        factor[catalogue.item_ids == item_id] *= times
    if catalogue.category is not None:
        for category, times in rules.boost_categories.items():
            factor[catalogue.category == category] *= times
    return np.log(factor).astype(np.float32)
