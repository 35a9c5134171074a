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
from include.demo.made_up import DOMAIN as MADE_UP
from include.demo.made_up import Size, item_id, make_events, title, user_id
from include.lake.lake import Lake, open_lake
from include.settings import Settings, load_settings
from tests.support.nightly import publish_nightly

USERS, ITEMS, BASE_EVENTS, DAYS = Size().users, Size().items, Size().events, Size().days
DOMAIN = f"""\
{MADE_UP}consumed: exclude
list_size: 50
tuning: {{search: 'off'}}
ranking: {{method: blend}}
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


def _write_items(lake: Lake, items: int) -> None:
    rows = pa.table(
        {"item_id": [item_id(n) for n in range(items)], "title": [title(n) for n in range(items)]}
    )
    _insert(
        lake, "raw.items", rows, "item_id, title, 'base' as batch_id, timestamp '2024-01-01' as ingested_at"
    )


def _write_events(lake: Lake, events: int, users: int, items: int, seed: int) -> None:
    made = make_events(Size(events, users, items, DAYS), seed)
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
