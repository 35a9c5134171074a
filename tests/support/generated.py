"""Landing files of made-up data with taste in it: groups of users who like groups of items."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2025, 1, 1)
GROUPS = 4
WORDS = ("harbour storm sailor", "orchard spring garden", "engine valve piston", "waltz violin opera")


@dataclass(frozen=True)
class Generated:
    users: int
    items: int
    events: int


def land_generated(
    landing: Path, *, users: int = 60, items: int = 80, per_user: int = 12, seed: int = 7
) -> Generated:
    """Write landing/{items,users,events}/generated.*; the same files for the same arguments.

    A user takes three quarters of the items from the own group, without repeats, over ninety days. One item
    has no row of its own, one user has no event.
    """
    rng = np.random.default_rng(seed)
    events = []
    for user in range(users):
        own = np.arange(user % GROUPS, items, GROUPS)
        other = np.setdiff1d(np.arange(items), own)
        n_own = min(len(own) - 1, per_user * 3 // 4)
        taken = np.concatenate([rng.choice(own, n_own, False), rng.choice(other, per_user - n_own, False)])
        minutes = np.sort(rng.integers(0, 90 * 24 * 60, len(taken)))
        for item, minute in zip(rng.permutation(taken), minutes, strict=True):
            at = START + timedelta(minutes=int(minute))
            events.append(
                {
                    "user_id": f"u{user:03}",
                    "item_id": f"i{item:03}",
                    "event_type": "rating",
                    "event_at": at.isoformat() + "Z",
                    "value": int(rng.integers(3, 6))
                    if item % GROUPS == user % GROUPS
                    else int(rng.integers(1, 4)),
                }
            )
    rows = {
        "items": [
            {
                "item_id": f"i{item:03}",
                "title": f"Title {item}",
                "category": f"group {item % GROUPS}",
                "tags": WORDS[item % GROUPS],
                "attributes": {"year": 1990 + item % 30},
            }
            for item in range(items - 1)
        ],
        "users": [
            {"user_id": f"u{user:03}", "attributes": {"group": f"g{user % GROUPS}"}}
            for user in range(users + 1)
        ],
        "events": events,
    }
    for kind, lines in rows.items():
        folder = landing / kind
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / ".generated.tmp"
        partial.write_text("".join(json.dumps(line) + "\n" for line in lines))
        partial.replace(folder / "generated.jsonl")
    return Generated(users + 1, items, len(events))
