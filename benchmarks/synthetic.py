"""A published lake of any size in a minute: some users trained and listed for real, then copied.

    python -m benchmarks.synthetic FOLDER --events 1000000

A copy of a user has the same history and the same lists under another id, so that a lake of twenty times the
events costs a tick the same work for the same touched users, and whatever more it takes is due to the size.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from include.config.domain import Domain, load_domain
from include.contracts import TABLES
from include.lake.lake import Lake, open_lake
from include.settings import Settings, load_settings
from tests.support.nightly import publish_nightly

USERS = 6_000
ITEMS = 4_000
BASE_EVENTS = 1_000_000
DAYS = 200
TOPICS = 40
DOMAIN = """\
domain: synthetic
clock: data
events:
  types:
    view: {weight: 1}
    purchase: {weight: 5}
consumed: exclude
list_size: 50
tuning: {search: 'off'}
ranking: {method: blend}
"""


@dataclass(frozen=True)
class SyntheticLake:
    settings: Settings
    domain: Domain
    copies: int


def make_synthetic(
    folder: Path, *, events: int = BASE_EVENTS, users: int = USERS, items: int = ITEMS, seed: int = 42
) -> SyntheticLake:
    """Make and publish it below ``folder``.  events: a multiple of BASE_EVENTS makes copies of the users."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "synthetic.yaml"
    config.write_text(DOMAIN)
    settings = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    domain = load_domain(config)
    copies = max(1, events // BASE_EVENTS)
    with open_lake(settings) as lake:
        _write_items(lake, items)
        _write_events(lake, min(events, BASE_EVENTS), users, items, seed)
    publish_nightly(settings, domain, "synthetic")
    if copies > 1:
        _copy_users(settings, copies)
    return SyntheticLake(settings, domain, copies)


def item_id(index: int) -> str:
    return f"item-{index:06}"


def user_id(index: int) -> str:
    return f"user-{index:06}"


def _titles(items: int) -> list[str]:
    return [f"topic{index % TOPICS} item {index}" for index in range(items)]


def _write_items(lake: Lake, items: int) -> None:
    rows = pa.table({"item_id": [item_id(index) for index in range(items)], "title": _titles(items)})
    _insert(
        lake, "raw.items", rows, "item_id, title, 'base' as batch_id, timestamp '2024-01-01' as ingested_at"
    )


@dataclass(frozen=True)
class MadeEvents:
    """In order of time.  user, item: positions; is_purchase: bool; second: since the first day began."""

    user: np.ndarray
    item: np.ndarray
    is_purchase: np.ndarray
    second: np.ndarray


def make_events(events: int, users: int, items: int, seed: int) -> MadeEvents:
    """Users with a taste for a few topics; popularity falls as 1 / rank^0.8, activity is log-normal."""
    rng = np.random.default_rng(seed)
    activity = rng.lognormal(0, 0.6, users)
    user = rng.choice(users, events, p=activity / activity.sum())
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    item = rng.choice(items, events, p=popularity / popularity.sum())
    taste = rng.integers(0, TOPICS, users)
    follows = rng.random(events) < 0.5
    item = np.where(follows, item - item % TOPICS + taste[user], item) % items
    return MadeEvents(user, item, rng.random(events) < 0.1, np.sort(rng.integers(0, DAYS * 86_400, events)))


def _write_events(lake: Lake, events: int, users: int, items: int, seed: int) -> None:
    made = make_events(events, users, items, seed)
    rows = pa.table(
        {
            "number": np.arange(events),
            "user_id": np.array([user_id(index) for index in range(users)])[made.user],
            "item_id": np.array([item_id(index) for index in range(items)])[made.item],
            "kind": made.is_purchase,
            "second": made.second,
        }
    )
    _insert(
        lake,
        "raw.events",
        rows,
        "number::varchar as event_id, user_id, item_id, if(kind, 'purchase', 'view') as event_type,"
        " timestamp '2024-01-01' + to_seconds(second) as event_at, 'base' as batch_id,"
        " timestamp '2024-12-01' as ingested_at",
    )


def _insert(lake: Lake, table: str, rows: pa.Table, columns: str) -> None:
    lake.con.register("made_rows", rows)
    lake.write(
        lambda con: con.execute(f"insert into {table} by name select {columns} from made_rows"),
        run_id="synthetic",
        message=f"synthetic {table}",
    )
    lake.con.unregister("made_rows")


def _copy_users(settings: Settings, copies: int) -> None:
    """Every row of a user again, copies - 1 times, as the same user under another id."""
    for table, order in (
        ("raw.events", "event_at"),
        ("features.user_items", "user_id, item_id"),
        ("serving.recommendations", "user_id, rank"),
        ("serving.candidate_lists", "user_id, source"),
    ):
        columns = TABLES[table].column_names
        values = ", ".join(
            f"{name} || '-' || copy" if name in ("user_id", "event_id") else name for name in columns
        )
        sql = (
            f"insert into {table} select {values} from {table}"
            f" cross join range(1, {copies}) as copies(copy) order by {order}"
        )
        with open_lake(settings) as lake:
            lake.write(partial(_execute, sql), run_id="synthetic", message=f"copies of {table}")


def _execute(sql: str, con: duckdb.DuckDBPyConnection) -> None:
    con.execute(sql)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--events", type=int, default=BASE_EVENTS)
    options = parser.parse_args()
    made = make_synthetic(options.folder, events=options.events)
    print(f"export NIGHTJAR_HOME={made.settings.home} NIGHTJAR_CONFIG={made.settings.config}")


if __name__ == "__main__":
    main()
