"""What must not be listed again, as the domain file says."""

from __future__ import annotations

from datetime import datetime, timedelta

from include.config.domain import Domain


def consumed_relation(domain: Domain, user_items: str, as_of: datetime) -> str:
    """SQL relation (user_id, item_id) of the pairs that no list may hold.

    user_items: relation with the columns of features.user_items.
    """
    consumed = domain.consumed
    pairs = f"select user_id, item_id from {user_items}"
    if consumed.mode == "exclude":
        return f"({pairs})"
    if consumed.mode == "allow":
        return f"({pairs} where false)"
    since = as_of - timedelta(days=consumed.days)
    return f"({pairs} where last_event_at > timestamp '{since}')"
