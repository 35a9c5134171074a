"""The load generator: what it lands shows in the lake, and it says so."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from bin.live import file_lander, live_events, replay
from include.config.domain import Domain
from include.lake.lake import Lake
from include.settings import Settings
from tests.support.books import NEWEST, Run, purchase


def test_all_that_lands_is_seen_to_show(
    lake: Lake, settings: Settings, domain: Domain, tick: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write = file_lander(settings, domain)

    def land_and_tick(events):
        is_visible = write(events)
        assert not is_visible(lake)
        tick()
        return is_visible

    assert replay(lake, live_events(lake, domain), land_and_tick, rate=2.5, seconds=2, wait=5) == 0
    assert "5 landed, 5 visible; landing to visible p50" in capsys.readouterr().out
    assert lake.value("select sum(accepted) from ops.ingests where file like 'live-%'") == 5


def test_what_never_shows_is_a_failure(
    lake: Lake, settings: Settings, domain: Domain, capsys: pytest.CaptureFixture[str]
) -> None:
    lander = file_lander(settings, domain)
    assert replay(lake, live_events(lake, domain), lander, rate=3, seconds=1, wait=0.1) == 1
    assert "3 events are not visible" in capsys.readouterr().out


def test_kept_back_events_come_first_and_once(lake: Lake, settings: Settings, domain: Domain) -> None:
    folder: Path = settings.home / "live" / "events"
    folder.mkdir(parents=True)
    old, new = purchase("u00", "b01", NEWEST), purchase("u01", "b02", NEWEST.replace(hour=23))
    (folder / "kept.jsonl").write_text(json.dumps(old) + "\n" + json.dumps(new) + "\n")
    first, second, third = itertools.islice(live_events(lake, domain), 3)
    assert first == new  # the lake is past the other one
    assert second["event_at"] == "2024-05-28T23:00:01.000000Z" < str(third["event_at"])
    assert {second["event_type"], third["event_type"]} <= set(domain.events.types)
