"""Made-up people, items and events of any number: to try a size, not a quality.

Users have a taste for a few topics; popularity falls as 1 / rank^0.8, activity is log-normal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from include.whole_files import whole_file

TOPICS = 40
# All events lie before it, UTC.
END = "2025-01-01"
# Rows of a file, and of what is held at a time: some 100 MB.
ROWS_A_FILE = 1_000_000
DOMAIN = """\
domain: synthetic
clock: data
events:
  types:
    view: {weight: 1}
    purchase: {weight: 5}
"""


@dataclass(frozen=True)
class Size:
    """How much of what.  days: the span of the events, up to END."""

    events: int = 1_000_000
    users: int = 6_000
    items: int = 4_000
    days: int = 200


@dataclass(frozen=True)
class MadeEvents:
    """In order of time.  user, item: positions; is_purchase: bool; second: since the first day began."""

    user: np.ndarray
    item: np.ndarray
    is_purchase: np.ndarray
    second: np.ndarray


def make_events(size: Size, seed: int) -> MadeEvents:
    rng = np.random.default_rng(seed)
    events, users, items = size.events, size.users, size.items
    activity = rng.lognormal(0, 0.6, users)
    user = rng.choice(users, events, p=activity / activity.sum())
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    item = rng.choice(items, events, p=popularity / popularity.sum())
    taste = rng.integers(0, TOPICS, users)
    follows = rng.random(events) < 0.5
    item = np.where(follows, item - item % TOPICS + taste[user], item) % items
    is_purchase = rng.random(events) < 0.1
    return MadeEvents(user, item, is_purchase, np.sort(rng.integers(0, size.days * 86_400, events)))


def item_id(index: int) -> str:
    return f"item-{index:06}"


def user_id(index: int) -> str:
    return f"user-{index:06}"


def title(index: int) -> str:
    return f"topic{index % TOPICS} item {index}"


def land_made_up(landing: Path, size: Size, seed: int = 42) -> Iterator[int]:
    """Write items and events as landing files, each whole.  Yields the events so far, file by file."""
    _write(
        landing / "items" / "synthetic.parquet",
        {
            "item_id": [item_id(index) for index in range(size.items)],
            "title": [title(index) for index in range(size.items)],
            "category": [f"topic{index % TOPICS}" for index in range(size.items)],
        },
    )
    made = make_events(size, seed)
    users = np.array([user_id(index) for index in range(size.users)])
    items = np.array([item_id(index) for index in range(size.items)])
    first = np.datetime64(END, "us") - np.timedelta64(size.days, "D")
    for start in range(0, size.events, ROWS_A_FILE):
        rows = slice(start, start + ROWS_A_FILE)
        _write(
            landing / "events" / f"synthetic-{start // ROWS_A_FILE:04}.parquet",
            {
                "event_id": pa.array(np.arange(start, min(start + ROWS_A_FILE, size.events))).cast(
                    pa.string()
                ),
                "user_id": users[made.user[rows]],
                "item_id": items[made.item[rows]],
                "event_type": np.where(made.is_purchase[rows], "purchase", "view"),
                "event_at": first + made.second[rows].astype("timedelta64[s]"),
            },
        )
        yield min(start + ROWS_A_FILE, size.events)


def _write(target: Path, columns: dict[str, object]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as partial:
        pq.write_table(pa.table(columns), partial)
