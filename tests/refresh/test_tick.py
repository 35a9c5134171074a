"""A tick: what arrived is in the lake and in the lists it touches after one commit, or nothing of it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import duckdb
import pytest

from include.config.domain import Domain
from include.errors import ModelError
from include.ingest.staged_batch import StagedBatch
from include.lake.lake import Lake, open_lake
from include.publish import champion as champions
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import drain, run_tick
from include.settings import Settings
from tests.support.books import NEWEST, NOW, Run, listed, publications, purchase
from tests.support.nightly import embed_without_model, land

LATER = NEWEST + timedelta(minutes=1)


def test_nothing_waits_nothing_happens(lake: Lake, tick: Run) -> None:
    before = lake.snapshot()
    assert tick() is None
    assert lake.snapshot() == before


def test_a_bought_book_leaves_the_list_and_others_stay_as_they_were(
    lake: Lake, settings: Settings, tick: Run
) -> None:
    first, other = listed(lake, "u00"), listed(lake, "u01")
    land(settings, "events", "a.jsonl", [purchase("u00", first[0], LATER)])
    done = tick()
    assert done is not None and (done.accepted, done.users, done.rows) == (1, 1, 5)
    after = listed(lake, "u00")
    assert first[0] not in after and len(after) == 5
    assert after != first[1:]  # a sixth moved up
    assert listed(lake, "u01") == other
    assert publications(lake) == ["nightly", "refresh"]
    assert lake.rows(
        "select publication_id = (select max(publication_id) from serving.publications), generated_at"
        " from serving.recommendations where user_id = 'u00' group by all"
    ) == [(True, LATER)]
    assert lake.value("select position::timestamp from ops.watermarks where source = 'events'") == LATER


def test_a_taste_that_changes_moves_the_list(lake: Lake, settings: Settings, tick: Run) -> None:
    """u00 bought red books (b00, b03 …); now blue ones (b01, b04 …)."""
    before = listed(lake, "u00")
    blue = [f"b{n:02}" for n in range(1, 16, 3)]
    land(settings, "events", "a.jsonl", [purchase("u00", item, LATER) for item in blue])
    tick()
    after = listed(lake, "u00")
    share = [sum(int(item[1:]) % 3 == 1 for item in items) for items in (before, after)]
    assert share[1] > share[0]


def test_a_newcomer_has_a_list_after_the_first_event(lake: Lake, settings: Settings, tick: Run) -> None:
    assert listed(lake, "new") == []
    land(settings, "events", "a.jsonl", [purchase("new", "b02", LATER)])
    tick()
    assert len(listed(lake, "new")) == 5 and "b02" not in listed(lake, "new")
    assert lake.value("select count(*) from serving.candidates where user_id = 'new'") > 5


def test_a_user_who_signs_up_has_a_list_before_the_first_event(
    lake: Lake, settings: Settings, tick: Run
) -> None:
    land(settings, "users", "a.jsonl", [{"user_id": "new", "attributes": "{}"}])
    tick()
    assert len(listed(lake, "new")) == 5


def test_a_new_book_has_similar_ones_and_is_recommended_in_the_same_tick(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    embed_without_model(lake, domain, ["Red book new"])
    land(settings, "items", "a.jsonl", [{"item_id": "new", "title": "Red book new"}])
    # Someone who has nearly all red books is told of the new one.
    red = [f"b{n:02}" for n in range(0, 30, 3)]
    land(settings, "events", "a.jsonl", [purchase("fan", item, LATER) for item in red])
    tick()
    similar = [
        row[0]
        for row in lake.rows(
            "select similar_item_id from serving.similar_items where item_id = 'new' order by rank"
        )
    ]
    assert len(similar) > 5 and all(int(item[1:]) % 3 == 0 for item in similar[:3])
    assert "new" in listed(lake, "fan")


def test_a_new_book_that_nobody_is_shown_yet_is_published_alone(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    embed_without_model(lake, domain, ["Red book new"])
    land(settings, "items", "a.jsonl", [{"item_id": "new", "title": "Red book new"}])
    done = tick()
    assert done is not None and (done.users, done.items, done.rows) == (0, 1, 0)
    assert lake.value("select count(*) from serving.similar_items where item_id = 'new'") > 5


def test_a_book_that_ends_leaves_every_list_at_once(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    ended = lake.value(
        "select item_id from serving.recommendations group by 1 order by count(*) desc, 1 limit 1"
    )
    holders = {
        row[0] for row in lake.rows("select user_id from serving.recommendations where item_id = ?", [ended])
    }
    title = lake.value("select title from raw.items where item_id = ?", [ended])
    row = {"item_id": ended, "title": title, "available_to": NEWEST.isoformat() + "Z"}
    land(settings, "items", "a.jsonl", [row])
    done = tick()
    assert done is not None and done.users == len(holders) > 1
    for table, column in (
        ("recommendations", "item_id"),
        ("popular_items", "item_id"),
        ("similar_items", "similar_item_id"),
    ):
        assert lake.value(f"select count(*) from serving.{table} where {column} = ?", [ended]) == 0, table
    assert all(len(listed(lake, user)) == 5 for user in holders)


def test_a_book_whose_end_is_passed_by_the_events_clock_leaves_too(
    lake: Lake, settings: Settings, tick: Run
) -> None:
    ended = listed(lake, "u01")[0]
    title = lake.value("select title from raw.items where item_id = ?", [ended])
    end = (LATER + timedelta(hours=1)).isoformat() + "Z"
    land(settings, "items", "a.jsonl", [{"item_id": ended, "title": title, "available_to": end}])
    tick()
    assert ended in listed(lake, "u01")
    land(settings, "events", "a.jsonl", [purchase("u00", "b02", LATER + timedelta(hours=2))])
    tick()
    assert lake.value("select count(*) from serving.recommendations where item_id = ?", [ended]) == 0


def test_a_book_that_has_not_begun_is_listed_once_the_events_clock_passes_its_start(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    """No item lands with the later ticks, so that they list from the catalogue that was kept."""
    embed_without_model(lake, domain, ["Red book new"])
    start = (LATER + timedelta(hours=1)).isoformat() + "Z"
    land(settings, "items", "a.jsonl", [{"item_id": "new", "title": "Red book new", "available_from": start}])
    tick()
    red = [f"b{n:02}" for n in range(0, 30, 3)]
    for name, minutes in (("early", 1), ("fan", 30), ("late", 90)):
        at = LATER + timedelta(minutes=minutes)
        land(settings, "events", f"{name}.jsonl", [purchase(name, item, at) for item in red])
        tick()
    assert ["new" in listed(lake, name) for name in ("early", "fan", "late")] == [False, False, True]


def test_a_return_counts_and_the_book_stays_away(lake: Lake, settings: Settings, tick: Run) -> None:
    bought = listed(lake, "u00")[0]
    land(settings, "events", "a.jsonl", [purchase("u00", bought, LATER)])
    tick()
    land(settings, "events", "b.jsonl", [purchase("u00", bought, LATER, event_type="return")])
    tick()
    pair = lake.rows(
        "select weight, events from features.user_items where user_id = 'u00' and item_id = ?", [bought]
    )
    assert pair == [(0.0, 2)]
    assert bought not in listed(lake, "u00")


def test_the_same_batch_again_changes_nothing(lake: Lake, settings: Settings, tick: Run) -> None:
    rows = [purchase("u00", "b07", LATER), purchase("u03", "b08", LATER)]
    land(settings, "events", "a.jsonl", rows)
    tick()
    before = _state(lake)
    assert tick() is None
    land(settings, "events", "again.jsonl", rows)
    done = tick()
    assert done is not None and (done.accepted, done.publication) == (0, None)
    assert _state(lake) == before


def test_a_file_that_is_mostly_bad_changes_no_list_and_is_taken_in_once_it_is_mended(
    lake: Lake, settings: Settings, tick: Run
) -> None:
    before = _lists(lake)
    path = land(
        settings, "events", "bad.jsonl", [purchase("", "b01", LATER)] * 120 + [purchase("u00", "b07", LATER)]
    )
    done = tick()
    assert done is not None and (done.accepted, done.publication) == (0, None)
    assert _lists(lake) == before and tick() is None
    assert lake.rows("select status, quarantined from ops.ingests where file = 'bad.jsonl'") == [
        ("refused", 121)
    ]
    path.unlink()
    land(settings, "events", "bad.jsonl", [purchase("u00", "b07", LATER)])
    done = tick()
    assert done is not None and (done.accepted, done.users) == (1, 1)


def _lists(lake: Lake) -> list[tuple[Any, ...]]:
    return lake.rows("from serving.recommendations order by all")


@pytest.mark.parametrize("harm", ["flip a bit", "cut", "remove"])
def test_a_corrupt_model_takes_nothing_in_and_the_last_lists_stay(
    lake: Lake, settings: Settings, tick: Run, harm: str
) -> None:
    before = _state(lake)
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
    champion = champions.find_champion(lake)
    assert champion is not None
    whole = champion.artifact.read_bytes()
    middle = len(whole) // 2
    if harm == "remove":
        champion.artifact.unlink()
    else:
        rest = whole[middle + 1 :] if harm == "flip a bit" else b""
        champion.artifact.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + rest)
    champions._load.cache_clear()  # another process would read the file
    with pytest.raises(ModelError, match=champion.artifact.name):
        tick()
    assert _state(lake) == before
    champion.artifact.write_bytes(whole)
    done = tick()
    assert done is not None and done.accepted == 1


def test_a_model_published_while_a_tick_waits_to_write_is_the_one_it_lists_by(
    lake: Lake, settings: Settings, domain: Domain
) -> None:
    @dataclass(frozen=True)
    class BesideANightly(LandingSource):
        def stage(self, *args: Any) -> list[StagedBatch]:
            staged = super().stage(*args)
            with open_lake(settings) as nightly:
                nightly.write(_publish_another, run_id="nightly", message="publish")
            return staged

    def _publish_another(con: duckdb.DuckDBPyConnection) -> None:
        for table, columns in (
            ("ops.model_versions", "'another' as model_version"),
            ("serving.publications", "'another' as model_version, '00000002-nightly' as publication_id"),
        ):
            con.execute(f"insert into {table} by name select * replace ({columns}) from {table}")

    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
    assert run_tick(lake, domain, BesideANightly(100), run_id="t", now=NOW) is not None
    assert lake.rows("select distinct model_version from serving.recommendations where user_id = 'u00'") == [
        ("another",)
    ]
    assert publications(lake) == ["nightly", "nightly", "refresh"]


def test_a_flood_is_worked_off_in_batches(lake: Lake, settings: Settings, domain: Domain) -> None:
    for n in range(3):
        rows = [purchase("u00", f"b{5 * n + k:02}", LATER, value=n) for k in range(5)]
        land(settings, "events", f"{n}.jsonl", rows)
    told: list[int] = []
    ticks = drain(
        lake,
        domain,
        LandingSource(10),
        run_id="t",
        clock=lambda: NOW,
        progress=lambda t: told.append(t.rows_in),
    )
    assert [tick.rows_in for tick in ticks] == told == [10, 5]


def test_before_the_first_nightly_rows_are_taken_in_and_no_list_is_made(
    lake: Lake, settings: Settings, domain: Domain
) -> None:
    lake.write(lambda con: con.execute("delete from serving.publications"), run_id="t", message="as if new")
    land(settings, "events", "a.jsonl", [purchase("u00", "b07", LATER)])
    done = run_tick(lake, domain, LandingSource(10), run_id="t", now=NOW)
    assert done is not None and (done.accepted, done.users, done.publication) == (1, 0, None)


def _state(lake: Lake) -> list[object]:
    """Everything that a reader of lists, histories and positions can see."""
    return [
        lake.rows(f"select * from {table} order by all")
        for table in (
            "serving.recommendations",
            "serving.publications",
            "features.user_items",
            "ops.watermarks",
            "raw.events",
            "raw.quarantine",
        )
    ]
