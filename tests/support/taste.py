"""People with one taste each, so that it is known beforehand which settings do well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from include.interactions.catalogue import make_catalogue
from include.interactions.interactions import SECONDS_PER_DAY, make_interactions
from include.interactions.training_data import TrainingData, make_training_data

GROUPS, ITEMS, USERS, TAKEN = 4, 60, 100, 10
START = datetime(2025, 1, 1)


def tasteful_events(seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(user, item, day): each of 100 people takes 10 of the 15 items of their own group, within 90 days.

    ALS finds the groups with 4 factors; with 1 it cannot tell them apart.
    """
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(USERS), TAKEN)
    items = np.concatenate(
        [rng.permutation(ITEMS // GROUPS)[:TAKEN] * GROUPS + user % GROUPS for user in range(USERS)]
    )
    return users, items, rng.integers(0, 90 * 24 * 60, len(users)) / (24 * 60)


def tasteful_training() -> TrainingData:
    users, items, days = tasteful_events()
    times = START.replace(tzinfo=UTC).timestamp() + days * SECONDS_PER_DAY
    catalogue = make_catalogue(np.array([f"i{n:02}" for n in range(ITEMS)]))
    events = make_interactions(users, items, times)
    return make_training_data(
        np.array([f"u{n:03}" for n in range(USERS)]), catalogue, events, as_of=times.max()
    )


def tasteful_rows() -> dict[str, list[dict[str, object]]]:
    """The same as landing rows: events and items."""
    events = [
        {
            "user_id": f"u{user:03}",
            "item_id": f"i{item:02}",
            "event_type": "purchase",
            "event_at": (START + timedelta(days=day)).isoformat() + "Z",
        }
        for user, item, day in zip(*(column.tolist() for column in tasteful_events()), strict=True)
    ]
    items = [{"item_id": f"i{item:02}", "title": f"Item {item}"} for item in range(ITEMS)]
    return {"events": events, "items": items}
