"""Relations and vectors that land: checked, part of lists and reasons, kept current by a refresh."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import pytest

from include.config.domain import load_domain
from include.lake.lake import Lake, open_lake
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import run_tick
from include.settings import load_settings
from tests.conftest import DOMAIN_YAML
from tests.support.books import NEWEST, NOW, books, purchase, purchases
from tests.support.nightly import embed_without_model, land, publish_nightly

MORE = """\
tuning: {search: 'off'}
retrieval: {sources: [text, item_vectors, related]}
ranking: {relation_words: {sequel: "what comes after {title}"}}
"""
RELATIONS = [
    {"item_id": "b01", "relation": "author", "other_item_id": "b02"},
    {"item_id": "b01", "relation": "sequel", "other_item_id": "b03", "weight": 5},
    {"item_id": "b04", "relation": "author", "other_item_id": "b05"},
    {"item_id": "b04", "relation": "author", "other_item_id": "b05", "weight": 0},
    {"item_id": "b06", "relation": "author", "other_item_id": "never landed"},
    {"item_id": "b07", "relation": "author", "other_item_id": "b07"},
    {"item_id": "b07", "relation": "author", "other_item_id": "b08", "weight": -1},
    {"item_id": "b07", "relation": " ", "other_item_id": "b08"},
]
BAD_VECTORS = [[1, 2], {"image": []}, {"image": ["a"]}, {"image": 3}, {"image": [1e999]}, {}]


def with_vectors() -> list[dict[str, object]]:
    """Even books look one way, odd ones another; the last has a vector that is too long."""
    rows = [
        {**book, "vectors": {"cover": [1.0, at % 2, at / 100], "sound": [at % 2, 1.0]}}
        for at, book in enumerate(books())
    ]
    rows[-1]["vectors"] = {"cover": [1.0, 1.0, 1.0, 1.0]}
    bad = [{"item_id": f"x{at}", "title": "X", "vectors": vectors} for at, vectors in enumerate(BAD_VECTORS)]
    return [*rows, *bad]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    folder = tmp_path_factory.mktemp("knowledge")
    config = folder / "books.yaml"
    config.write_text(DOMAIN_YAML + MORE)
    settings = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(config)})
    settings.make_folders()
    land(settings, "items", "books.jsonl", with_vectors())
    land(settings, "events", "first.jsonl", purchases())
    land(settings, "relations", "first.jsonl", RELATIONS)
    publish_nightly(settings, load_domain(config))
    with open_lake(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def refreshed(lake: Lake) -> Lake:
    """A new book, its relation and its vectors, and a purchase of a reader of the other one, in one tick."""
    domain = load_domain(lake.settings.config)
    vectors = {"cover": [1.0, 0.0, 0.0], "sound": [0.0, 1.0]}
    land(lake.settings, "items", "new.jsonl", [{"item_id": "new", "title": "New", "vectors": vectors}])
    row = {"item_id": "new", "relation": "sequel", "other_item_id": "b01"}
    land(lake.settings, "relations", "new.jsonl", [row])
    embed_without_model(lake, domain, ["New"])
    reader = lake.value("select min(user_id) from raw.events where item_id = 'b01'")
    land(lake.settings, "events", "new.jsonl", [purchase(reader, "b09", NEWEST.replace(hour=13))])
    assert run_tick(lake, domain, LandingSource(1000), run_id="t1", now=NOW) is not None
    return lake


def test_every_bad_row_is_kept_with_its_reason(lake: Lake) -> None:
    found = lake.rows("select reason from raw.quarantine where source like 'relations/%' order by position")
    assert [reason for (reason,) in found] == ["related_to_itself", "bad_weight: -1", "missing_relation"]
    vectors = lake.rows("select reason from raw.quarantine where source like 'items/%' order by position")
    assert [reason.split(":")[0] for (reason,) in vectors] == ["bad_vectors"] * len(BAD_VECTORS)
    counts = "rows_in, accepted, quarantined, deduplicated"
    assert lake.rows(f"select {counts} from ops.ingests where source = 'relations' order by all") == [
        (8, 4, 3, 1)
    ]


def test_the_last_row_of_a_relation_holds(lake: Lake) -> None:
    assert lake.rows("select weight from raw.relations where item_id = 'b04'") == [(0.0,)]


def test_a_relation_brings_candidates_and_says_why(lake: Lake) -> None:
    brought = lake.rows(
        "select distinct item_id from serving.candidates where source = 'related' order by item_id"
    )
    # b01's two, and b01 for whoever has one of them; neither b04's, which was taken back, nor b06's.
    assert brought == [("b01",), ("b02",), ("b03",)]
    reasons = lake.rows("select distinct reason from serving.recommendations where source = 'related'")
    titles = dict(lake.rows("select item_id, title from raw.items"))
    told = {f"what comes after {titles[book]}" for book in ("b01", "b03")}
    told |= {f"same author as {titles[book]}" for book in ("b01", "b02")}
    assert reasons and {reason for (reason,) in reasons} <= told


def test_vectors_bring_candidates_of_items_that_have_them(lake: Lake) -> None:
    brought = {
        item for (item,) in lake.rows("select item_id from serving.candidates where source = 'item_vectors'")
    }
    assert brought and books()[-1]["item_id"] not in brought


def test_a_refresh_knows_new_relations_and_vectors(refreshed: Lake) -> None:
    found = refreshed.rows(
        "select source from serving.candidates where item_id = 'new'"
        " and user_id = (select min(user_id) from raw.events where item_id = 'b01')"
        " and source in ('related', 'item_vectors') order by source"
    )
    assert found == [("item_vectors",), ("related",)]
    assert refreshed.rows(
        "select similar_item_id from serving.similar_items where item_id = 'new' and similar_item_id = 'b01'"
    )


def test_a_landed_twice_relation_changes_nothing(refreshed: Lake) -> None:
    domain = load_domain(refreshed.settings.config)
    before = refreshed.value("select count(*) from serving.publications")
    row = {"item_id": "new", "relation": "sequel", "other_item_id": "b01"}
    (refreshed.settings.landing / "relations" / "again.jsonl").write_text(json.dumps(row) + "\n\n")
    run_tick(refreshed, domain, LandingSource(1000), run_id="t2", now=datetime(2030, 1, 2))
    assert refreshed.value("select count(*) from serving.publications") == before


def test_a_relation_alone_is_known_after_a_tick(refreshed: Lake) -> None:
    domain = load_domain(refreshed.settings.config)
    together = (
        "select count(*) from serving.similar_items"
        " where item_id = 'b10' and similar_item_id = 'b11' and relation <> 'similar text'"
    )
    assert refreshed.value(together) == 0
    row = {"item_id": "b11", "relation": "sequel", "other_item_id": "b10"}
    land(refreshed.settings, "relations", "alone.jsonl", [row])
    shown = "select distinct user_id from serving.recommendations where item_id in ('b10', 'b11')"
    people = len(refreshed.rows(shown))
    tick = run_tick(refreshed, domain, LandingSource(1000), run_id="t3", now=datetime(2030, 1, 3))
    assert tick is not None and (tick.items, tick.users) == (2, people)
    assert refreshed.value(together) == 1
