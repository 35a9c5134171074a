"""A home that was moved, or copied, is read and refreshed in its new place."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from include.config.domain import Domain
from include.lake.lake import Lake, open_lake
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import run_tick
from include.settings import Settings
from tests.support.books import NEWEST, NOW, listed, purchase
from tests.support.nightly import land, publish_nightly

LATER = NEWEST + timedelta(minutes=1)


def at(settings: Settings, home: Path) -> Settings:
    return replace(settings, home=home, lake=f"sqlite:{home / 'lake' / 'catalog.sqlite'}")


def everything(lake: Lake) -> list[list[tuple]]:
    tables = ("raw.events", "features.user_items", "serving.recommendations", "ops.ingests")
    return [lake.rows(f"from {table} order by all") for table in tables]


@pytest.fixture
def before(settings: Settings) -> list[list[tuple]]:
    with open_lake(settings) as lake:
        return everything(lake)


@pytest.mark.parametrize("read_first", [False, True])
def test_a_moved_home_is_read_refreshed_and_published(
    settings: Settings, domain: Domain, tmp_path: Path, before: list, read_first: bool
) -> None:
    home = tmp_path / "else where's"
    shutil.copytree(settings.home, home)
    gone = settings.home.with_name("gone")
    settings.home.rename(gone)
    try:
        moved = at(settings, home)
        with open_lake(moved, read_only=read_first) as lake:
            assert everything(lake) == before
        with open_lake(moved) as lake:
            bought = listed(lake, "u00")[0]
            land(moved, "events", "a.jsonl", [purchase("u00", bought, LATER)])
            assert run_tick(lake, domain, LandingSource(1000), run_id="t", now=NOW) is not None
            assert bought not in listed(lake, "u00")
            publish_nightly(moved, domain, "second")
            expected = listed(lake, "u00")
        with duckdb.connect() as con:
            con.execute((home / "lake" / "attach.sql").read_text())
            found = con.execute(
                "select item_id from nightjar.serving.recommendations where user_id = 'u00' order by rank"
            )
            assert [item for (item,) in found.fetchall()] == expected
    finally:
        gone.rename(settings.home)


def test_a_copy_and_what_it_was_copied_from_go_on_apart(
    settings: Settings, domain: Domain, tmp_path: Path, before: list
) -> None:
    copy = at(settings, tmp_path / "copy")
    shutil.copytree(settings.home, copy.home)
    with open_lake(copy) as lake:
        assert everything(lake) == before
        land(copy, "events", "a.jsonl", [purchase("u00", listed(lake, "u00")[0], LATER)])
        run_tick(lake, domain, LandingSource(1000), run_id="t", now=NOW)
        assert all(str(copy.home) in file for file, _ in lake.files("features.user_items"))
    with open_lake(settings) as lake:
        assert everything(lake) == before
