"""However many ticks there were: histories and lists equal those made from all events at once."""

from __future__ import annotations

import random
from datetime import timedelta

import numpy as np
import pytest

from include.config.domain import Domain
from include.features.confidence import confidence_of, user_items_sql
from include.features.training_matrices import load_catalogue, load_histories
from include.lake.lake import Lake
from include.nightly import publishing
from include.publish.champion import find_champion
from include.publish.listing import list_users
from include.publish.tables import recommendation_rows
from include.recommender.lists import concatenate_lists
from include.settings import Settings
from tests.support.books import NEWEST, Run, listed, publications, purchase
from tests.support.nightly import embed_without_model, land, stage_nightly

LATER = NEWEST + timedelta(minutes=1)


def assert_histories_follow_from_events(lake: Lake, domain: Domain) -> None:
    """features.user_items, brought to one instant, against all of raw.events; to 1e-9."""
    as_of = lake.value("select max(as_of) from features.user_items")
    half_life_us = domain.events.half_life_days * 86400e6
    lake.con.execute(
        "create or replace temp table rebuilt as "
        + user_items_sql("raw.events", confidence_of(domain.events), as_of)
    )
    differing = lake.rows(
        f"""
        with stored as (
            select
                * exclude (weight, as_of),
                weight * power(2.0, -date_diff('microsecond', as_of, ?::timestamp) / {half_life_us}) as weight
            from features.user_items
        )
        select * from stored
        full join rebuilt using (user_id, item_id)
        where
            coalesce(abs(stored.weight - rebuilt.weight) > 1e-9, true)
            or stored.events is distinct from rebuilt.events
            or stored.first_event_at is distinct from rebuilt.first_event_at
            or stored.last_event_at is distinct from rebuilt.last_event_at
        """,
        [as_of],
    )
    assert differing == []
    pairs = lake.value("select count(*) from features.user_items")
    assert pairs == lake.value("select count(distinct (user_id, item_id)) from raw.events") > 0


def relisted_from_events(lake: Lake, domain: Domain, users: list[str]) -> dict[str, list[tuple[str, float]]]:
    """The lists that a relisting from all of raw.events gives at the newest publication's as_of."""
    champion = find_champion(lake)
    assert champion is not None
    as_of = champion.published_as_of
    model = champion.load().with_catalogue(load_catalogue(lake.con, domain, as_of))
    pairs = f"({user_items_sql('raw.events', confidence_of(domain.events), as_of)})"
    ids = np.array(sorted(users))
    histories = load_histories(lake.con, domain, ids, model, as_of, pairs)
    rows = recommendation_rows(model, ids, concatenate_lists(list(list_users(model, domain, histories))))
    found: dict[str, list[tuple[str, float]]] = {user: [] for user in users}
    for row in rows.to_pylist():
        found[row["user_id"]].append((row["item_id"], row["score"]))
    return found


def scored(lake: Lake, user: str) -> list[tuple[str, float]]:
    return lake.rows(
        "select item_id, score from serving.recommendations where user_id = ? order by rank", [user]
    )


def test_histories_after_many_ticks_follow_from_all_events(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    rng = random.Random(7)
    for n in range(6):
        rows = [
            purchase(
                f"u{rng.randrange(25):02}",
                f"b{rng.randrange(30):02}",
                # Some are late by days: behind what is published.
                NEWEST + timedelta(minutes=10 * n) - timedelta(days=rng.choice([0, 0, 3, 40])),
                event_type=rng.choice(["purchase", "return", "rating"]),
                value=rng.choice([1, 4.5]),
            )
            for _ in range(12)
        ]
        land(settings, "events", f"{n}.jsonl", rows)
        tick()
    assert_histories_follow_from_events(lake, domain)


def test_lists_of_a_tick_equal_a_relisting_from_all_events(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    users = [f"u{n:02}" for n in range(10)] + ["new"]
    for n in range(2):
        at = LATER + timedelta(minutes=n)
        land(settings, "events", f"{n}.jsonl", [purchase(user, f"b{3 * n + 5:02}", at) for user in users])
        tick()
    expected = relisted_from_events(lake, domain, users)
    for user in users:
        found = scored(lake, user)
        assert [item for item, _ in found] == [item for item, _ in expected[user]], user
        np.testing.assert_allclose(
            [s for _, s in found], [s for _, s in expected[user]], rtol=1e-4, atol=1e-5
        )


def test_a_nightly_that_began_before_ticks_publishes_what_they_wrote(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    """Its snapshot and its staged set are older than all of what the ticks brought."""
    slow = stage_nightly(settings, domain, "slow")
    embed_without_model(lake, domain, ["Red book new"])
    bought, ended = listed(lake, "u00")[0], listed(lake, "u01")[0]
    title = lake.value("select title from raw.items where item_id = ?", [ended])
    land(settings, "items", "a.jsonl", [{"item_id": "new", "title": "Red book new"}])
    land(settings, "items", "b.jsonl", [{"item_id": ended, "title": title, "available_to": "2024-05-01"}])
    land(settings, "users", "a.jsonl", [{"user_id": "signed up"}])
    land(settings, "events", "a.jsonl", [purchase("u00", bought, LATER), purchase("newcomer", "b05", LATER)])
    tick()
    land(
        settings, "events", "b.jsonl", [purchase("u02", listed(lake, "u02")[0], LATER + timedelta(minutes=1))]
    )
    tick()
    users = ["u00", "u02", "newcomer", "signed up"]
    consumed = lake.rows("select user_id, item_id from features.user_items")
    publishing.publish(slow)

    assert publications(lake) == ["nightly", "refresh", "refresh", "nightly"]
    assert lake.value("select count(*) from serving.recommendations where item_id = ?", [ended]) == 0
    assert lake.value("select count(*) from serving.popular_items where item_id = ?", [ended]) == 0
    assert lake.value("select count(*) from serving.similar_items where item_id = 'new'") > 0
    assert all(len(listed(lake, user)) == 5 for user in users)
    again = lake.value(
        "select count(*) from serving.recommendations semi join features.user_items using (user_id, item_id)"
    )
    assert again == 0 and lake.rows("select user_id, item_id from features.user_items") != []
    assert set(consumed) == set(lake.rows("select user_id, item_id from features.user_items"))
    assert lake.value("select count(distinct publication_id) from serving.recommendations") == 1
    assert_histories_follow_from_events(lake, domain)


@pytest.mark.parametrize("between", [1, 3])
def test_ticks_go_on_after_such_a_nightly(
    lake: Lake, settings: Settings, domain: Domain, tick: Run, between: int
) -> None:
    slow = stage_nightly(settings, domain, "slow")
    for n in range(between):
        land(
            settings, "events", f"{n}.jsonl", [purchase("u00", f"b{n + 5:02}", LATER + timedelta(minutes=n))]
        )
        tick()
    publishing.publish(slow)
    land(settings, "events", "after.jsonl", [purchase("u00", "b20", LATER + timedelta(hours=1))])
    done = tick()
    assert done is not None and done.users == 1
    assert_histories_follow_from_events(lake, domain)
    assert [item for item, _ in relisted_from_events(lake, domain, ["u00"])["u00"]] == listed(lake, "u00")
