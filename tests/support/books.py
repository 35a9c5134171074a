"""A small published lake a test, copied from one that is made once: 30 books, 20 readers, a nightly."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from include.config.domain import Domain, load_domain
from include.lake.lake import Lake, open_lake
from include.refresh.pending_rows import LandingSource
from include.refresh.tick import Tick, run_tick
from include.settings import Settings, load_settings
from tests.conftest import DOMAIN_YAML
from tests.support.nightly import land, publish_nightly

# When the nightly's newest event was: what ticks bring is later.
NEWEST = datetime(2024, 5, 28, 12, 0)
# After the nightly took its rows in: an item row without updated_at counts as of its ingestion.
NOW = datetime(2030, 1, 1)
ROWS = 1000
Run = Callable[[], Tick | None]


@pytest.fixture(scope="session")
def books_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("domain") / "books.yaml"
    path.write_text(DOMAIN_YAML + "tuning: {search: 'off'}\n")
    return path


@pytest.fixture(scope="session")
def published_home(tmp_path_factory: pytest.TempPathFactory, books_file: Path) -> tuple[Path, Path]:
    """The home that tests work in, and its copy as published. The catalog knows its path, so it stays."""
    folder = tmp_path_factory.mktemp("refresh")
    settings = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": str(books_file)})
    settings.make_folders()
    land(settings, "items", "books.jsonl", books())
    land(settings, "events", "first.jsonl", purchases())
    publish_nightly(settings, load_domain(books_file))
    shutil.copytree(settings.home, folder / "published")
    return settings.home, folder / "published"


@pytest.fixture
def settings(published_home: tuple[Path, Path], books_file: Path) -> Settings:
    home, published = published_home
    shutil.rmtree(home)
    shutil.copytree(published, home)
    return load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(books_file)})


@pytest.fixture
def domain(books_file: Path) -> Domain:
    return load_domain(books_file)


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened


@pytest.fixture
def tick(lake: Lake, domain: Domain) -> Run:
    return lambda: run_tick(lake, domain, LandingSource(ROWS), run_id="tick", now=NOW)


def books() -> list[dict[str, object]]:
    colours = ("Red", "Blue", "Green")
    return [{"item_id": f"b{n:02}", "title": f"{colours[n % 3]} book {n}"} for n in range(30)]


def purchases() -> list[dict[str, object]]:
    """Each of 20 readers bought 6 books, mostly of one colour."""
    rng = random.Random(1)
    rows = []
    for user in range(20):
        for n in rng.sample(range(0, 30, 3), 5):
            rows.append(
                purchase(f"u{user:02}", f"b{n + user % 3:02}", NEWEST - timedelta(days=rng.randrange(1, 60)))
            )
        rows.append(purchase(f"u{user:02}", f"b{rng.randrange(30):02}", NEWEST))
    return rows


def purchase(user: str, item: str, at: datetime, **fields: object) -> dict[str, object]:
    return {
        "user_id": user,
        "item_id": item,
        "event_type": "purchase",
        "event_at": f"{at.isoformat()}Z",
    } | fields


def listed(lake: Lake, user: str) -> list[str]:
    return [
        row[0]
        for row in lake.rows(
            "select item_id from serving.recommendations where user_id = ? order by rank", [user]
        )
    ]


def publications(lake: Lake) -> list[str]:
    return [row[0] for row in lake.rows("select kind from serving.publications order by publication_id")]
