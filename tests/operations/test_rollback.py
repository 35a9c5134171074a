"""Back to a kept publication in one commit; the refresh goes on from there."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from include.config.domain import Domain
from include.errors import DataError, LakeError
from include.lake.lake import Lake
from include.operations.rollback import kept_publications, rollback
from include.settings import Settings
from tests.support.books import NEWEST, Run, listed, publications, purchase
from tests.support.nightly import land, publish_nightly

NOW = datetime(2030, 1, 2)
LATER = NEWEST + timedelta(minutes=1)


def lists(lake: Lake) -> list[tuple]:
    return lake.rows("select user_id, rank, item_id, score, reason from serving.recommendations order by all")


def test_each_publication_names_the_snapshot_that_made_it_live(
    lake: Lake, settings: Settings, tick: Run
) -> None:
    before = lists(lake)
    land(settings, "events", "a.jsonl", [purchase("u00", listed(lake, "u00")[0], LATER)])
    tick()
    after = lists(lake)
    for row, expected in zip(reversed(kept_publications(lake)), (before, after), strict=True):
        then = lake.rows(
            "select user_id, rank, item_id, score, reason from serving.recommendations"
            f" at (version => {row.snapshot}) order by all"
        )
        assert then == expected


def test_the_lists_of_then_are_live_and_the_next_tick_folds_in_what_came_since(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    first, bought = lists(lake), listed(lake, "u00")[0]
    target = kept_publications(lake)[0].publication_id
    pairs = lake.rows("from features.user_items order by all")
    land(settings, "events", "a.jsonl", [purchase("u00", bought, LATER)])
    tick()
    land(settings, "events", "b.jsonl", [purchase("u01", listed(lake, "u01")[0], LATER)])
    publish_nightly(settings, domain, "second")
    assert lists(lake) != first
    done = rollback(lake, target, run_id="back", now=NOW)
    assert lists(lake) == first and lake.rows("from features.user_items order by all") == pairs
    assert publications(lake) == ["nightly", "refresh", "nightly", "rollback"]
    assert lake.rows("select distinct publication_id from serving.recommendations") == [
        (done.publication_id,)
    ]
    champion = lake.rows("select model_version from ops.model_versions where status = 'champion'")
    assert champion == [(done.model_version,)]
    assert tick() is not None
    assert bought not in listed(lake, "u00")
    assert lake.value("select sum(events) from features.user_items") == lake.value(
        "select count(*) from raw.events"
    )
    assert tick() is None


def test_back_from_ticks_whose_lists_lie_beside_those_of_then(
    lake: Lake, settings: Settings, tick: Run
) -> None:
    """Most files of the target are still live."""
    first, target = lists(lake), kept_publications(lake)[0].publication_id
    pairs = lake.rows("from features.user_items order by all")
    for number in range(2):
        bought = listed(lake, "u00")[0]
        land(settings, "events", f"{number}.jsonl", [purchase("u00", bought, LATER)])
        tick()
    second, after_one_tick = lists(lake), kept_publications(lake)[1].publication_id
    done = rollback(lake, target, run_id="back", now=NOW)
    assert lists(lake) == first and lake.rows("from features.user_items order by all") == pairs
    published = "select users, rows from serving.publications where publication_id = ?"
    assert lake.rows(published, [done.publication_id]) == [(20, 100)]
    rollback(lake, after_one_tick, run_id="on", now=NOW)
    assert lists(lake) != first
    assert tick() is not None and lists(lake) == second and tick() is None


def test_what_is_not_kept_is_named_with_what_is(lake: Lake, settings: Settings, domain: Domain) -> None:
    live = kept_publications(lake)[0].publication_id
    with pytest.raises(DataError, match=f"publication {live} is the live one already"):
        rollback(lake, live, run_id="back", now=NOW)
    publish_nightly(settings, domain, "second", as_of=NEWEST)
    with pytest.raises(
        DataError, match=f"'00000009-nightly-20200101T000000' is not kept; .* that are: {live}"
    ):
        rollback(lake, "00000009-nightly-20200101T000000", run_id="back", now=NOW)


def test_a_model_file_that_is_gone_is_named_before_anything_changes(
    lake: Lake, settings: Settings, domain: Domain
) -> None:
    target = kept_publications(lake)[0]
    land(settings, "events", "b.jsonl", [purchase("u01", listed(lake, "u01")[0], LATER)])
    publish_nightly(settings, domain, "second")
    before = lists(lake)
    artifact = lake.value("select artifact from ops.model_versions where status = 'retired'")
    (settings.models / artifact).unlink()
    with pytest.raises(
        LakeError, match=f"needs model {target.model_version}, whose file {artifact} is not below"
    ):
        rollback(lake, target.publication_id, run_id="back", now=NOW)
    assert lists(lake) == before
