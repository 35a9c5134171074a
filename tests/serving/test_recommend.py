"""A list at read time: the published one, in the order of the session; the popular ones for strangers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from include.config.domain import Domain
from include.errors import DataError, LakeError
from include.lake.lake import Lake
from include.publish import champion as champions
from include.serving.connection import open_reader
from include.serving.recommend import Reader
from include.serving.session import order_by_neighbours, session_nearness
from include.settings import Settings
from tests.support.books import NEWEST, Run, listed, purchase
from tests.support.nightly import land

LATER = NEWEST + timedelta(minutes=1)


@pytest.fixture
def reader(settings: Settings, domain: Domain, lake: Lake) -> Iterator[Reader]:
    with Reader(settings, domain) as opened:
        yield opened


def items_of(reader: Reader, *arguments: object, **named: object) -> list[str]:
    return [item.item_id for item in reader.recommend(*arguments, **named).items]  # type: ignore[arg-type]


def test_the_published_list_with_its_publication(reader: Reader, lake: Lake) -> None:
    answer = reader.recommend("u00", 3)
    assert [item.item_id for item in answer.items] == listed(lake, "u00")[:3]
    assert [item.rank for item in answer.items] == [1, 2, 3]
    assert (answer.publication_id, answer.fallback) == ("00000001-nightly-20240528T120000", None)
    assert answer.generated_at == NEWEST


def test_a_tick_is_seen_by_a_reader_that_was_open(
    reader: Reader, lake: Lake, settings: Settings, tick: Run
) -> None:
    first = items_of(reader, "u00", 5)[0]
    land(settings, "events", "a.jsonl", [purchase("u00", first, LATER)])
    tick()
    answer = reader.recommend("u00", 5)
    assert [item.item_id for item in answer.items] == listed(lake, "u00")
    assert first not in listed(lake, "u00") and answer.generated_at == LATER


STRANGERS = [
    "nobody",
    "' or 1=1--",
    "u00'; drop table x; --",
    "read_csv('/etc/passwd')",
    "",
    "%",
    "\x00",
    "é" * 5000,
]


@pytest.mark.parametrize("user_id", STRANGERS)
def test_a_stranger_gets_what_is_popular(reader: Reader, lake: Lake, user_id: str) -> None:
    popular = lake.rows(
        "select item_id from serving.popular_items where segment = 'all' order by rank limit 4"
    )
    answer = reader.recommend(user_id, 4)
    assert [(item.item_id,) for item in answer.items] == popular
    assert answer.fallback == "all"


def have_all(lake: Lake, user: str, but: tuple[str, ...] = ()) -> None:
    """The user has had every book but some, and so has no list."""

    def take(con: duckdb.DuckDBPyConnection) -> None:
        con.execute("delete from serving.recommendations where user_id = ?", [user])
        con.execute(
            "insert into features.user_items by name select $user as user_id, item_id, 1.0 as weight,"
            " 1 as events, $at::timestamp as first_event_at, $at::timestamp as last_event_at,"
            " $at::timestamp as as_of"
            " from raw.items where not list_contains($but, item_id)",
            {"user": user, "at": NEWEST, "but": list(but)},
        )

    lake.write(take, run_id="test", message="everything")


def test_who_has_had_everything_gets_nothing_back(reader: Reader, lake: Lake) -> None:
    have_all(lake, "u00")
    answer = reader.recommend("u00", 5)
    assert (answer.items, answer.fallback) == ((), None)
    assert reader.recommend("u00", 5, ["b01"]).items == ()


def test_a_fallback_holds_nothing_that_was_had(reader: Reader, lake: Lake) -> None:
    have_all(lake, "u00", but=("b03", "b04"))
    answer = reader.recommend("u00", 5)
    assert {item.item_id for item in answer.items} <= {"b03", "b04"} and answer.fallback == "all"
    assert {item.item_id for item in reader.recommend("u00", 9, ["b01"]).items} <= {"b03", "b04"}


def test_a_stranger_of_a_known_segment_gets_what_is_popular_there(
    settings: Settings, domain: Domain, lake: Lake
) -> None:
    def add(con: duckdb.DuckDBPyConnection) -> None:
        con.execute(
            "insert into serving.popular_items select 'country=FR', rank, item_id, score, publication_id"
            " from serving.popular_items where rank = 7"
        )
        con.execute("""insert into raw.users values ('fr', '{"country": "FR"}', 'b', now()::timestamp)""")
        con.execute("""insert into raw.users values ('odd', 'no json', 'b', now()::timestamp)""")

    lake.write(add, run_id="test", message="a segment")
    seventh = lake.value("select item_id from serving.popular_items where segment = 'country=FR'")
    with Reader(settings, replace(domain, segment_by="country")) as reader:
        assert items_of(reader, "fr", 5) == [seventh]
        assert reader.recommend("fr", 1).items[0].reason == "popular with people whose country is FR"
        assert reader.recommend("odd", 5).fallback == "all"


def test_the_session_moves_what_is_alike_up_and_what_was_touched_out(
    settings: Settings, domain: Domain, lake: Lake
) -> None:
    strong = replace(domain, refresh=replace(domain.refresh, session_strength=1.0))
    with Reader(settings, strong) as reader:
        before = items_of(reader, "u00", 5)
        touched = lake.rows(
            "select item_id, similar_item_id from serving.similar_items"
            " where similar_item_id = ? and not list_contains(?, item_id) order by rank, item_id limit 1",
            [before[-1], before],
        )[0][0]
        after = items_of(reader, "u00", 5, session_items=[touched])
        assert sorted(after) == sorted(before) and after.index(before[-1]) < 4
        assert before[0] not in items_of(reader, "u00", 5, session_items=[before[0]])
        assert items_of(reader, "u00", 5, session_items=["unheard of"]) == before


def test_without_the_model_file_similar_items_order_the_session(
    settings: Settings, domain: Domain, lake: Lake
) -> None:
    champion = champions.find_champion(lake)
    assert champion is not None
    champion.artifact.unlink()
    champions._load.cache_clear()
    strong = replace(domain, refresh=replace(domain.refresh, session_strength=1.0))
    with Reader(settings, strong) as reader:
        before = items_of(reader, "u00", 5)
        near = dict(
            lake.rows("select similar_item_id, score from serving.similar_items where item_id = ?", ["b03"])
        )
        after = items_of(reader, "u00", 5, session_items=["b03"])
        expected = sorted((i for i in before if i != "b03"), key=lambda i: (-near.get(i, 0), before.index(i)))
        assert after == expected


def test_a_stranger_with_a_session_gets_what_is_like_it_first(reader: Reader, lake: Lake) -> None:
    near = [
        row[0]
        for row in lake.rows(
            "select similar_item_id from serving.similar_items where item_id = 'b03' order by rank"
        )
    ]
    assert items_of(reader, "nobody", 3, session_items=["b03"]) == near[:3]


def test_nearness_by_hand() -> None:
    """b was touched last and counts 1; a a minute before, and with a half-life of a minute counts 1/2."""
    rows = [("a", "x", 0.8), ("b", "x", 0.1), ("b", "y", 0.4)]
    assert session_nearness(rows, ["a", "b"], 1.0) == pytest.approx({"x": 0.5, "y": 0.4})
    order = order_by_neighbours({"y": 0.4, "x": 0.5}, ["p", "y", "x"], np.array([3.0, 2, 1]), strength=1.0)
    assert order.tolist() == [2, 1, 0]
    assert order_by_neighbours({}, ["p", "y"], np.array([3.0, 2]), strength=1.0).tolist() == [0, 1]


@pytest.mark.parametrize("n", [0, -1, 1001])
def test_a_number_out_of_range_is_refused(reader: Reader, n: int) -> None:
    with pytest.raises(DataError, match=str(n)):
        reader.recommend("u00", n)


@pytest.mark.parametrize(
    "statement",
    [
        "select * from read_csv('/etc/passwd')",
        "copy (select 1) to '{folder}/stolen.csv'",
        "attach '{folder}/other.db'",
        "install httpfs",
        "load postgres",
        "set enable_external_access = true",
        "insert into serving.popular_items values ('all', 1, 'x', 1, 'x')",
        "delete from serving.recommendations",
        "create table nightjar.raw.mine (i int)",
        "attach 'ducklake:sqlite:{catalog}' as mine (data_path '{data}')",
        "attach '{folder}/other.sqlite' (type sqlite)",
        "copy (select 1) to '{file}'",
        "select * from sqlite_scan('{catalog}', 'ducklake_snapshot')",
        "select * from ducklake_expire_snapshots('nightjar', older_than => now())",
        "select 1; delete from serving.recommendations",
        "call ducklake_cleanup_old_files('nightjar', cleanup_all => true)",
        "pragma enable_profiling",
    ],
)
def test_the_readers_connection_can_do_nothing_but_read(
    settings: Settings, lake: Lake, tmp_path: object, statement: str
) -> None:
    with open_reader(settings) as opened:
        assert opened.value("select count(*) from serving.recommendations") == 100
        file = lake.files("serving.recommendations")[0][0]
        places = {"folder": tmp_path, "catalog": lake.catalog.target, "data": lake.catalog.data, "file": file}
        before = sorted(Path(str(tmp_path)).iterdir()), lake.snapshot()
        with pytest.raises((duckdb.Error, LakeError)):
            opened.con.execute(statement.format(**places)).fetchall()
        assert (sorted(Path(str(tmp_path)).iterdir()), lake.snapshot()) == before
        assert opened.value("select count(*) from serving.recommendations") == 100


def test_reading_changes_nothing(reader: Reader, lake: Lake) -> None:
    before = lake.snapshot()
    for user in ("u00", "nobody"):
        reader.recommend(user, 5, session_items=["b01"])
    assert lake.snapshot() == before


def test_a_reader_waits_while_the_catalog_is_locked(reader: Reader, lake: Lake) -> None:
    # As when the last writer leaves: nobody else may open the file until it is done.
    lake.close()
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('pragma locking_mode=exclusive'); c.execute('begin immediate');"
        "print('locked', flush=True); time.sleep(0.7); print(time.time(), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, lake.catalog.target], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "locked\n"
        assert reader.recommend("u00").fallback is None
        answered_at = time.time()
        assert float(holder.stdout.readline()) <= answered_at, "nothing was locked"
