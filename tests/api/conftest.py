"""One server for all of these tests; each lands and asks for people and items of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import DOMAIN_YAML
from tests.support.api_server import ApiServer, make_home, serving
from tests.support.books import books_file, domain, lake, published_home, settings

__all__ = ["books_file", "domain", "lake", "published_home", "settings"]


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    made = make_home(tmp_path_factory.mktemp("api"), DOMAIN_YAML + "tuning: {search: 'off'}\n")
    with serving(made) as server:
        yield server
