"""What a night took in before it failed reaches the lists with the next tick, exactly once."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from include.config.domain import Domain, load_domain
from include.config.domain_file import EventType
from include.ingest.replay import replay_quarantine
from include.lake.lake import Lake, open_lake
from include.nightly import stages
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import run_tick
from include.run import Run as NightlyRun
from include.settings import Settings, load_settings
from tests.support.books import NEWEST, NOW, Run, listed, publications, purchase
from tests.support.nightly import land, publish_nightly
from tests.support.run_stage import STAGES, run_stage

LATER = NEWEST + timedelta(minutes=1)


@pytest.fixture
def failed_night(settings: Settings, domain: Domain):
    """A nightly whose first stage went through and no other did."""
    return lambda run_id="refused": stages.ingest(NightlyRun(run_id, settings, domain), None, None)


def all_lists(lake: Lake) -> list[tuple]:
    return lake.rows(
        "select user_id, rank, item_id, round(score, 5), reason from serving.recommendations order by all"
    )


def pairs(lake: Lake) -> list[tuple]:
    return lake.rows(
        "select user_id, item_id, round(weight, 9), events from features.user_items order by all"
    )


def test_events_and_a_withdrawal_of_a_failed_night_reach_the_lists(
    lake: Lake, settings: Settings, tick: Run, failed_night
) -> None:
    bought, ended = listed(lake, "u00")[0], listed(lake, "u01")[0]
    land(settings, "events", "night.jsonl", [purchase("u00", bought, LATER)])
    gone = {"item_id": ended, "title": "Gone", "available_to": f"{NEWEST.isoformat()}Z"}
    land(settings, "items", "ended.jsonl", [gone])
    failed_night()
    done = tick()
    assert done is not None and done.accepted == 0 and done.publication is not None
    assert bought not in listed(lake, "u00")
    assert lake.value("select count(*) from serving.recommendations where item_id = ?", [ended]) == 0
    assert publications(lake) == ["nightly", "refresh"]
    assert tick() is None
    assert lake.value("select count(*) from ops.unlisted_batches") == 0


def test_a_night_that_fails_in_between_changes_nothing_in_the_end(
    lake: Lake, settings: Settings, domain: Domain, tick: Run, failed_night, published_home
) -> None:
    """The same three batches by ticks alone, and with two of them by failed nights."""
    books = [item for item in listed(lake, "u03")[:3]]
    batches = [
        [purchase("u03", books[0], LATER), purchase("u04", books[0], LATER)],
        [purchase("u03", books[1], LATER + timedelta(minutes=1))],
        [purchase("u05", books[2], LATER + timedelta(minutes=2))],
    ]
    for number, rows in enumerate(batches):
        land(settings, "events", f"{number}.jsonl", rows)
        if number < 2:
            failed_night(f"night {number}")
        else:
            tick()
    tick()
    found = all_lists(lake), pairs(lake)
    publish_nightly(settings, domain, "good")
    assert tick() is None
    whole = lake.rows("select user_id, item_id, events from features.user_items order by all")
    assert [row[:2] + (row[3],) for row in found[1]] == whole
    for user in ("u03", "u04", "u05"):
        assert not set(books[:1] if user == "u04" else []) & set(listed(lake, user))
    assert not {books[0], books[1]} & {item for user, _, item, *_ in found[0] if user == "u03"}


NIGHT = STAGES[: STAGES.index("publish") + 1]


def land_night(settings: Settings, lake: Lake) -> tuple[str, str]:
    """What comes before the night and during it, each a purchase of what heads the person's list."""
    before, during = listed(lake, "u03")[0], listed(lake, "u04")[0]
    land(settings, "events", "before.jsonl", [purchase("u03", before, LATER)])
    return before, during


@pytest.fixture(scope="module")
def undisturbed(published_home, books_file: Path, tmp_path_factory: pytest.TempPathFactory):
    """Lists and pairs of a night that nothing happened to, of the same events."""
    home = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(published_home[1], home)
    settings = load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(books_file)})
    with open_lake(settings) as lake:
        _, during = land_night(settings, lake)
        land(settings, "events", "during.jsonl", [purchase("u04", during, LATER + timedelta(minutes=1))])
        for stage in NIGHT:
            run_stage(NightlyRun("night", settings, load_domain(books_file)), stage)
        return all_lists(lake), pairs(lake)


# After each of these the lake and the run hold more than before; the others are long forms.
TELLING = ("gate_input", "publish")


@pytest.mark.parametrize(
    "failed",
    [stage if stage in TELLING else pytest.param(stage, marks=pytest.mark.long) for stage in NIGHT[1:]],
)
def test_a_night_that_fails_at_a_stage_leaves_no_list_older_than_its_events(
    undisturbed, lake: Lake, settings: Settings, domain: Domain, tick: Run, failed: str
) -> None:
    """And the good night that follows gives what an undisturbed one gives."""
    before, during = land_night(settings, lake)
    for stage in NIGHT[: NIGHT.index(failed)]:
        run_stage(NightlyRun("failed", settings, domain), stage)
    land(settings, "events", "during.jsonl", [purchase("u04", during, LATER + timedelta(minutes=1))])
    tick()
    assert before not in listed(lake, "u03") and during not in listed(lake, "u04")
    for stage in NIGHT:
        run_stage(NightlyRun("good", settings, domain), stage)
    assert tick() is None
    assert (all_lists(lake), pairs(lake)) == undisturbed


def test_a_cutoff_in_the_past_leaves_later_events_to_the_next_tick(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    """The nightly lists its own day; nobody has what they took since then in their list for long."""
    bought = listed(lake, "u00")[0]
    land(settings, "events", "later.jsonl", [purchase("u00", bought, LATER)])
    publish_nightly(settings, domain, "of the day", as_of=NEWEST)
    assert lake.rows("select source, after from ops.unlisted_batches") == [("events", NEWEST)]
    assert bought in listed(lake, "u00")
    assert tick() is not None
    assert bought not in listed(lake, "u00")
    assert tick() is None
    assert (
        lake.value("select events from features.user_items where user_id = 'u00' and item_id = ?", [bought])
        == 1
    )


def test_what_a_tick_folded_in_stays_through_the_next_publish(
    lake: Lake, settings: Settings, domain: Domain, tick: Run, failed_night
) -> None:
    bought = listed(lake, "u00")[0]
    land(settings, "events", "night.jsonl", [purchase("u00", bought, LATER)])
    failed_night()
    tick()
    publish_nightly(settings, domain, "of the day", as_of=NEWEST)
    assert bought not in listed(lake, "u00")
    assert tick() is None


def test_rows_that_a_replay_took_in_are_listed_by_the_next_tick(
    lake: Lake, settings: Settings, domain: Domain, tick: Run
) -> None:
    bought = listed(lake, "u00")[0]
    land(settings, "events", "odd.jsonl", [purchase("u00", bought, LATER) | {"event_type": "loan"}])
    tick()
    types = {**domain.events.types, "loan": EventType(weight=1.0)}
    mended = replace(domain, events=replace(domain.events, types=types))
    counts = replay_quarantine(lake, mended, "events", run_id="replay", ingested_at=NOW)
    assert counts.accepted == 1 and bought in listed(lake, "u00")
    run_tick(lake, mended, LandingSource(1000), run_id="tick", now=NOW)
    assert bought not in listed(lake, "u00")
