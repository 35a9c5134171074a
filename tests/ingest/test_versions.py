"""Items and users: which version stands in the lake."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from itertools import permutations

import pytest

from include.config.domain import Domain
from include.ingest.ingest import ingest_pending
from include.lake.lake import Lake
from include.settings import Settings

NOW = datetime(2024, 6, 1, 12, 0, 0)
Land = Callable[..., tuple[int, int, int]]


@pytest.fixture
def land(lake: Lake, domain: Domain, settings: Settings) -> Land:
    """Land rows as one file and take it in: (accepted, quarantined, deduplicated)."""
    count = iter(range(1000))

    def work(kind: str, *rows: dict[str, object], at: datetime = NOW) -> tuple[int, int, int]:
        path = settings.landing / kind / f"{next(count):04d}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        report = ingest_pending(lake, domain, settings, run_id="r", ingested_at=at, kinds=(kind,)).kinds[0]
        return report.accepted, report.quarantined, report.deduplicated

    return work


def item(title: str, day: int | None = None, **more: object) -> dict[str, object]:
    time = {} if day is None else {"updated_at": f"2024-05-{day:02d}"}
    return {"item_id": "i", "title": title, **time, **more}


def test_the_newest_update_wins_in_any_order(land: Land, lake: Lake) -> None:
    """Each of three files holds one version of six items, one item for each order of arrival."""
    orders = list(permutations([item("A", 1), item("B", 3), item("A", 5)]))
    for turn in range(3):
        land("items", *({**order[turn], "item_id": str(i)} for i, order in enumerate(orders)))
    found = lake.rows("select title, updated_at, count(*) from raw.items group by all")
    assert found == [("A", datetime(2024, 5, 5), 6)]


def test_the_last_row_of_a_file_wins_among_equals(land: Land, lake: Lake) -> None:
    assert land("items", item("A", 1), item("B", 1), item("C")) == (1, 0, 2)
    assert lake.rows("select title, updated_at from raw.items") == [("C", NOW)]


def test_what_says_nothing_new_is_deduplicated(land: Land, lake: Lake) -> None:
    assert land("items", item("A", 5, tags=["x"])) == (1, 0, 0)
    assert land("items", item("A", 5, tags=["x"])) == (0, 0, 1)
    assert land("items", item("A", None, tags=["x"]), at=datetime(2024, 6, 2)) == (0, 0, 1)
    assert land("items", item("B", 4)) == (0, 0, 1)
    assert lake.rows("select title, tags, updated_at from raw.items") == [
        ("A", '["x"]', datetime(2024, 5, 5))
    ]


def test_accepted_items_tell_new_from_changed_from_confirmed(land: Land, lake: Lake) -> None:
    land("items", item("A", 1), {"item_id": "j", "title": "J", "updated_at": "2024-05-01"})
    assert lake.rows("select item_id, is_new, is_changed from accepted_items order by all") == [
        ("i", True, True),
        ("j", True, True),
    ]
    land("items", item("A", 2), {"item_id": "j", "title": "K", "updated_at": "2024-05-02"})
    assert lake.rows("select item_id, is_new, is_changed from accepted_items order by all") == [
        ("i", False, False),
        ("j", False, True),
    ]


def test_bad_items(land: Land, lake: Lake) -> None:
    bad = [
        ({"item_id": "i"}, "missing_title"),
        ({"item_id": "i", "title": " \u200b"}, "missing_title"),
        ({"item_id": "nan", "title": "A"}, "missing_item_id"),
        (item("A", available_to="soon"), "bad_available_to: soon"),
        (item("A", updated_at="2024-06-02"), "future: 2024-06-02 00:00:00"),
        (item("A", attributes="{"), "bad_attributes: {"),
    ]
    assert land("items", *(row for row, _ in bad)) == (0, 6, 0)
    assert lake.rows("select reason from raw.quarantine order by position") == [(why,) for _, why in bad]
    assert lake.value("select distinct source from raw.quarantine") == "items/0000.jsonl"


def test_availability_is_kept(land: Land, lake: Lake) -> None:
    land("items", item("A", available_from="2024-01-01T00:00:00+01:00", available_to=1717236000))
    assert lake.rows("select available_from, available_to from raw.items") == [
        (datetime(2023, 12, 31, 23), datetime(2024, 6, 1, 10))
    ]


def test_users_are_what_landed_last(land: Land, lake: Lake) -> None:
    old, new = {"user_id": "u", "attributes": {"age": 1}}, {"user_id": "u", "attributes": {"age": 2}}
    assert land("users", old, {"user_id": "v"}) == (2, 0, 0)
    assert land("users", old, new, {"user_id": "v"}) == (1, 0, 2)
    assert land("users", {"user_id": None}) == (0, 1, 0)
    assert lake.rows("select user_id, attributes from raw.users order by 1") == [
        ("u", '{"age":2}'),
        ("v", None),
    ]
