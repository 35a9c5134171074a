"""An empty lake a test, copied from one that is made once: making one takes a second."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.lake.lake import Lake, open_lake
from include.settings import Settings, load_settings


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The home that tests work in, and its copy as it was when new; the catalog holds its path."""
    folder = tmp_path_factory.mktemp("ingest")
    made = load_settings({"NIGHTJAR_HOME": str(folder / "home"), "NIGHTJAR_CONFIG": "movies"})
    open_lake(made).close()
    shutil.copytree(made.home, folder / "empty")
    return made.home, folder / "empty"


@pytest.fixture
def settings(empty_home: tuple[Path, Path], domain_file: Path) -> Settings:
    home, empty = empty_home
    shutil.rmtree(home)
    shutil.copytree(empty, home)
    return load_settings({"NIGHTJAR_HOME": str(home), "NIGHTJAR_CONFIG": str(domain_file)})


@pytest.fixture
def lake(settings: Settings) -> Iterator[Lake]:
    with open_lake(settings) as opened:
        yield opened
