"""One server for all of these tests; each lands and asks for people and items of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import DOMAIN_YAML
from tests.support.api_server import ApiServer, make_home, serving


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    settings = make_home(tmp_path_factory.mktemp("api"), DOMAIN_YAML + "tuning: {search: 'off'}\n")
    with serving(settings) as server:
        yield server
