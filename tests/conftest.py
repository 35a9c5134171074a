"""Every test runs in the project's own process environment, on a NIGHTJAR_HOME of its own session."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from bin.env import process_environment

# `make faults`: tests marked long run too, and others at their full length.
IS_LONG = os.environ.get("NIGHTJAR_LONG") == "1"
# At import, before any test module: Airflow, torch and BLAS read their environment once.
_SESSION_HOME = Path(tempfile.mkdtemp(prefix="nightjar-tests-"))
atexit.register(shutil.rmtree, _SESSION_HOME, ignore_errors=True)
# A caller's real lake or database must be out of every test's reach.
_INHERITED = {
    key: value
    for key, value in os.environ.items()
    if not key.startswith(("NIGHTJAR_", "AIRFLOW__")) and key != "AIRFLOW_HOME"
}
_ENVIRONMENT = process_environment(_INHERITED, home=_SESSION_HOME)
os.environ.clear()
os.environ.update(_ENVIRONMENT)
sys.dont_write_bytecode = False
time.tzset()

import uuid  # noqa: E402
from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from include.config.domain import Domain, load_domain  # noqa: E402
from include.lake.lake import open_lake  # noqa: E402
from include.settings import Settings, load_settings  # noqa: E402
from tests.support.postgres import Postgres, missing_programs, running_postgres  # noqa: E402

DOMAIN_YAML = """\
domain: books
clock: data
events:
  types:
    rating: {weight: value}
    purchase: {weight: 1}
    return: {weight: -1}
text: "{title}. {tags}"
consumed: exclude
list_size: 5
"""


@pytest.fixture
def domain_file(tmp_path: Path) -> Path:
    path = tmp_path / "books.yaml"
    path.write_text(DOMAIN_YAML)
    return path


@pytest.fixture
def domain(domain_file: Path) -> Domain:
    return load_domain(domain_file)


@pytest.fixture
def new_home(tmp_path: Path, domain_file: Path) -> Settings:
    """A home in which no lake was ever opened."""
    made = load_settings({"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(domain_file)})
    made.make_folders()
    return made


@pytest.fixture(scope="session")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a lake with all its tables and no row: a copy opens sooner than one is made."""
    made = load_settings({"NIGHTJAR_HOME": str(tmp_path_factory.mktemp("empty"))})
    open_lake(made).close()
    return made.lake_dir


@pytest.fixture
def settings(new_home: Settings, empty_lake: Path) -> Settings:
    """An installation with a SQLite catalog and an empty lake."""
    shutil.copytree(empty_lake, new_home.lake_dir, dirs_exist_ok=True)
    (new_home.lake_dir / "attach.sql").unlink()
    return new_home


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres server, started once a session; skips with the reason where there is none."""
    if reason := missing_programs():
        pytest.skip(reason)
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def any_catalog(request: pytest.FixtureRequest, tmp_path: Path, domain_file: Path) -> Settings:
    """Settings of an empty installation, once on each kind of catalog."""
    environ = {"NIGHTJAR_HOME": str(tmp_path / "home"), "NIGHTJAR_CONFIG": str(domain_file)}
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        environ["NIGHTJAR_LAKE"] = "postgres:" + server.create_database(f"lake_{uuid.uuid4().hex[:12]}")
    made = load_settings(environ)
    made.make_folders()
    return made


# Fixtures of tests whose home holds a whole nightly, seconds each.
_NIGHTLIES = {"published_home", "published", "champion", "first"}
# Fixtures that start a server; tests that want one are marked, so that nobody forgets (make test-quick).
_SERVERS = {"postgres", "servers", "api_server", "valkey_server"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not IS_LONG and (long_ones := [item for item in items if item.get_closest_marker("long")]):
        config.hook.pytest_deselected(items=long_ones)
        items[:] = [item for item in items if item not in long_ones]
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        catalog = getattr(item, "callspec", None) and item.callspec.params.get("any_catalog")
        if fixtures & _SERVERS or catalog == "postgres":
            item.add_marker(pytest.mark.server)
        if fixtures & _NIGHTLIES or "nightly" in item.path.parts:
            item.add_marker(pytest.mark.nightly)
        if "spark" in fixtures:
            item.add_marker(pytest.mark.spark)
