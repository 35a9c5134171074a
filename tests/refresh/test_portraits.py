"""Portraits and attributes are kept current: by the nightly, and by each tick for what it touches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np

from include.config.domain import Domain
from include.features.confidence import confidence_of, user_items_sql
from include.features.training_matrices import load_catalogue, load_histories
from include.lake.lake import Lake
from include.operations.rollback import kept_publications, rollback
from include.publish.champion import find_champion
from include.publish.portrait_tables import portrait_rows
from include.settings import Settings
from tests.support.books import NEWEST, NOW, Run, purchase
from tests.support.nightly import embed_without_model, land, publish_nightly

LATER = NEWEST + timedelta(minutes=1)
COLUMNS = "user_id, profile, embedding, interests, intent"


def portraits(lake: Lake) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row for row in lake.rows(f"select {COLUMNS}, as_of from features.user_portraits")}


def rebuilt(lake: Lake, domain: Domain, user: str) -> dict[str, Any]:
    """The portrait that all of raw.events gives at the newest publication's as_of."""
    champion = find_champion(lake)
    assert champion is not None
    as_of = champion.published_as_of
    model = champion.load().with_catalogue(load_catalogue(lake.con, domain, as_of))
    pairs = f"({user_items_sql('raw.events', confidence_of(domain.events), as_of)})"
    histories = load_histories(lake.con, domain, np.array([user]), model, as_of, pairs)
    (row,) = portrait_rows(model, domain.understanding, np.array([user]), histories).to_pylist()
    return row


def test_a_nightly_draws_everybody_and_every_item(lake: Lake) -> None:
    assert set(portraits(lake)) == {f"u{n:02}" for n in range(20)}
    assert lake.value("select count(distinct item_id) from features.item_attributes") > 0
    # Books have no labels but their colours, which is what their texts are told apart by.
    assert lake.rows("select distinct attribute, origin from features.item_attributes") == [
        ("topic", "topic")
    ]
    for view in ("user_profiles", "user_interests", "user_intents"):
        assert lake.value(f"select count(distinct user_id) from features.{view}") > 0, view


def test_a_tick_draws_whom_it_touches_alone(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    before = portraits(lake)
    land(settings, "events", "a.jsonl", [purchase("u00", "b05", LATER), purchase("newcomer", "b07", LATER)])
    tick()
    after = portraits(lake)
    assert {user for user in after if after[user] != before.get(user)} == {"u00", "newcomer"}
    assert after["newcomer"][1].startswith(("So far 1 item: ", "Mostly "))
    about = lake.value("select about from features.user_intents where user_id = 'u00'")
    assert ": Green book 5" in about  # the newest of the session
    for user in ("u00", "newcomer"):
        expected = rebuilt(lake, domain, user)
        assert after[user][1] == expected["profile"]
        assert after[user][4]["about"] == expected["intent"]["about"]
        np.testing.assert_allclose(after[user][2], expected["embedding"], atol=1e-5)
        assert [one["label"] for one in after[user][3]] == [one["label"] for one in expected["interests"]]


def test_a_batch_that_comes_again_changes_nothing(lake: Lake, settings: Settings, tick: Run) -> None:
    land(settings, "events", "a.jsonl", [purchase("u00", "b05", LATER)])
    tick()
    before = portraits(lake)
    land(settings, "events", "again.jsonl", [purchase("u00", "b05", LATER)])
    tick()
    assert portraits(lake) == before


def test_a_changed_item_has_its_labels_at_once(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    embed_without_model(lake, domain, ["Red book new"])
    land(settings, "items", "a.jsonl", [{"item_id": "new", "title": "Red book new"}])
    tick()
    of_red = "select distinct label from features.item_attributes where item_id = ?"
    assert lake.rows(of_red, ["new"]) == lake.rows(of_red, ["b00"]) != []


def test_labels_that_land_go_before_topics(lake: Lake, settings: Settings, domain: Domain, tick: Run) -> None:
    rows = [{"item_id": f"b{n:02}", "title": f"Book {n}", "category": f"Shelf {n % 3}"} for n in range(30)]
    embed_without_model(lake, domain, [str(row["title"]) for row in rows])
    land(settings, "items", "shelves.jsonl", rows)
    tick()
    publish_nightly(settings, domain, "second")
    assert lake.rows("select distinct attribute, origin from features.item_attributes") == [
        ("category", "landed")
    ]
    assert lake.value("select count(*) from features.item_attributes") == 30


def test_a_rollback_brings_the_portraits_back(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    before = portraits(lake)
    publication = kept_publications(lake)[0].publication_id
    land(settings, "events", "a.jsonl", [purchase("u00", "b05", LATER)])
    tick()
    assert portraits(lake) != before
    rollback(lake, publication, run_id="rollback", now=NOW)
    assert portraits(lake) == before
    tick()  # what was taken in since then is folded in again
    assert portraits(lake)["u00"] != before["u00"]
