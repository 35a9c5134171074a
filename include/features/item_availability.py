"""Which items there are and when they may be recommended: the one definition, as SQL.

An item is available from ``available_from`` until before ``available_to``, both optional. One that has events
and no row of its own is recommended under its id, always available.
"""

from __future__ import annotations


def every_item_sql(seen: str, at: str = "") -> str:
    """Query: item_id, title, category, available_from, available_to of every item.

    seen: relation with the item_id of whatever has events, repeats allowed.
    at: the AT clause of a snapshot of raw.items, or nothing for what the connection sees.
    """
    columns = "item_id, title, category, available_from, available_to"
    return (
        f"select {columns} from raw.items {at} union all by name"
        f" (select distinct item_id from {seen} anti join (from raw.items {at}) using (item_id))"
    )


def available_sql(instant: str) -> str:
    """Condition over an item's row: whether it may be recommended then."""
    return f"(coalesce(available_from <= {instant}, true) and coalesce(available_to > {instant}, true))"


def flipped_sql(before: str, after: str) -> str:
    """Condition over an item's row: whether it came or went after ``before`` and up to ``after``."""
    came = f"available_from > {before} and available_from <= {after}"
    gone = f"available_to > {before} and available_to <= {after}"
    return f"(({came}) or ({gone}))"
