"""Nobody gets in without a key that may, and no request gets more than a clear sentence."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.api.access import Rate
from include.api.app import make_app
from include.api.keys import KeyFile
from include.config.domain import load_domain
from include.errors import ConfigError
from include.settings import load_settings, utc_now
from tests.conftest import DOMAIN_YAML
from tests.support.api_server import ApiServer, filled, make_home, routes_of, serving

# What answers without a key: whether it is alive, what it offers, and where to log in.
OPEN = {"/v1/health", "/v1/openapi.json", "/login", "/logout"}


def all_routes(api_server: ApiServer) -> list[tuple[str, str]]:
    app = make_app(api_server.settings, api_server.domain)
    app.state.service.close()
    return routes_of(app)


def test_every_route_wants_a_key(api_server: ApiServer) -> None:
    tried = 0
    for method, path in all_routes(api_server):
        if path in OPEN:
            continue
        url = api_server.url + filled(path)
        for headers in ({}, {"X-API-Key": "nj_wrong"}):
            answer = httpx.request(method, url, headers=headers, json={})
            assert answer.status_code in (401, 403, 303), (method, path, answer.status_code)
            assert answer.status_code != 303 or answer.headers["location"] == "/login", path
            assert "u00" not in answer.text
        tried += 1
    assert tried >= 30


def test_roles(api_server: ApiServer) -> None:
    body = {"rows": [{"user_id": "u00"}]}
    refused = api_server.post("/v1/events", body, "read")
    assert refused.status_code == 403
    assert refused.json() == {"error": "key 'read' has role read; this needs write"}
    assert api_server.post("/v1/events", body, "operator").status_code == 422
    assert api_server.get("/v1/popular", "write").status_code == 200


def test_a_key_as_a_bearer_token_and_a_cookie(api_server: ApiServer) -> None:
    key = api_server.keys["read"]
    url = f"{api_server.url}/v1/popular"
    assert httpx.get(url, headers={"Authorization": f"Bearer {key}"}).status_code == 200
    assert httpx.get(url, cookies={"nightjar_key": key}).status_code == 200


def test_keys_made_and_revoked_by_the_command(api_server: ApiServer) -> None:
    """Without a restart, and kept as hashes that nobody else can read."""

    def command(**given: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-m", "bin.api_key"],
            env={"NIGHTJAR_HOME": str(api_server.settings.home), **given},
            capture_output=True,
            text=True,
            check=False,
        )
        return (done.stdout + done.stderr).splitlines()

    key = command(ROLE="read", NAME="app")[-1]
    url = f"{api_server.url}/v1/popular"
    assert httpx.get(url, headers={"X-API-Key": key}).status_code == 200
    file = KeyFile(api_server.settings.home).path
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert key not in file.read_text() and len(json.loads(file.read_text())) == 4
    assert any(line.startswith("app") for line in command())
    assert command(REVOKE="app") == ["key 'app' is revoked"]
    assert httpx.get(url, headers={"X-API-Key": key}).status_code == 401
    assert "expected one of read, write, operator" in command(ROLE="root", NAME="app")[0]
    assert "expected the name of a key" in command(REVOKE="app")[0]


def test_a_bad_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        KeyFile(tmp_path).make("../x", "read", utc_now())


def test_a_rate_is_refilled_evenly() -> None:
    now = [0.0]
    rate = Rate(60, clock=lambda: now[0])
    assert [rate.takes("a") for _ in range(61)].count(True) == 60
    assert rate.takes("b")
    now[0] = 2.0
    assert [rate.takes("a") for _ in range(3)] == [True, True, False]


@pytest.mark.slow
def test_floods_are_refused_and_valid_keys_are_not(tmp_path: Path) -> None:
    settings = make_home(tmp_path, DOMAIN_YAML + "api: {requests_per_minute: 5}\n", nightly=False)
    with serving(settings) as server:

        def until_429(key: str) -> list[int]:
            """Statuses, as many as it takes: buckets are refilled while a slow machine asks."""
            found: list[int] = []
            while 429 not in found and len(found) < 500:
                found.append(httpx.get(f"{server.url}/v1/popular", headers={"X-API-Key": key}).status_code)
            return found

        guessed = until_429("nj_guess")
        assert guessed[:60] == [401] * 60 and guessed[-1] == 429
        # No lake yet: every answer says what to run, and none is a bug.
        assert "make nightly" in server.get("/v1/popular").json()["error"]
        asked = until_429(server.keys["read"])
        assert asked[:4] == [503] * 4 and asked[-1] == 429
        health = server.get("/v1/health", role="")
        assert health.status_code == 503 and health.json()["status"] == "no lake"
        assert server.get("/", "write").status_code == 200


@pytest.mark.slow
def test_a_stale_set_is_told(tmp_path: Path) -> None:
    settings = make_home(
        tmp_path, DOMAIN_YAML + "tuning: {search: 'off'}\napi: {stale_after_hours: 0.000001}\n"
    )
    with serving(settings) as server:
        health = server.get("/v1/health", role="")
        assert health.status_code == 503 and health.json()["status"] == "stale"
        assert server.get("/v1/users/u00/recommendations").status_code == 200


ODD = ["' or 1=1--", "../..", "..%2F..%2Fetc", "%00", "\u202e", "ﷺ" * 100, "x" * 5000, "{{7*7}}", "a;b|c"]


@pytest.mark.parametrize("odd", ODD)
def test_odd_ids_are_nobody(api_server: ApiServer, odd: str) -> None:
    for path in ("recommendations", "history"):
        answer = api_server.get(f"/v1/users/{odd}/{path}")
        assert answer.status_code in (200, 400, 404, 422), (odd, answer.text)
        assert answer.status_code != 200 or answer.json().get("fallback", "all") == "all"
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("n", ["-1", "0", "1000000000", "ten", "1e3", ""])
def test_a_wrong_number_is_named(api_server: ApiServer, n: str) -> None:
    answer = api_server.get("/v1/users/u00/recommendations", n=n)
    assert answer.status_code == 422 and answer.json()["error"].startswith("query.n: ")


def test_large_and_broken_bodies(api_server: ApiServer) -> None:
    headers = {"X-API-Key": api_server.keys["write"], "content-type": "application/json"}
    url = f"{api_server.url}/v1/events"
    large = httpx.post(url, content=b" " * 10_000_000, headers=headers)
    assert large.status_code == 413 and "api.max_body_kb" in large.json()["error"]
    chunked = httpx.post(url, content=iter([b" " * 1_000_000] * 3), headers=headers)
    assert chunked.status_code == 413
    assert httpx.post(url, content=b"{", headers=headers).status_code == 422
    half_a_pair = httpx.post(
        f"{api_server.url}/v1/users/u00/rerank", content=b'{"items": ["\\ud800", "b01"]}', headers=headers
    )
    assert half_a_pair.status_code in (200, 422)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["rows", "items", "user_ids", "n", "userId", "itemId", "inputList", "eventList", "numResults", "session"]
)
PATHS = [
    "/v1/events",
    "/v1/items",
    "/v1/users/u00/rerank",
    "/v1/recommendations:batch",
    "/personalize/recommendations",
    "/personalize/personalize-ranking",
    "/personalize/events",
    "/personalize/items",
    "/gorse/api/feedback",
    "/gorse/api/item",
    "/gorse/api/items",
    "/gorse/api/users",
    "/gorse/api/session/recommend",
]


@settings(
    max_examples=150,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(path=st.sampled_from(PATHS), body=st.one_of(JSON, st.dictionaries(NAMES, JSON, max_size=4)))
def test_no_body_is_a_bug(api_server: ApiServer, path: str, body: object) -> None:
    text = json.dumps(body)
    headers = {"X-API-Key": api_server.keys["write"], "content-type": "application/json"}
    answer = httpx.post(api_server.url + path, content=text, headers=headers, timeout=30)
    assert answer.status_code < 500, (path, text, answer.text)


@settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    path=st.sampled_from(
        [
            "/v1/users/{}/recommendations",
            "/v1/users/{}/history",
            "/v1/users/{}/profile",
            "/v1/items/{}/similar",
        ]
    ),
    name=st.text(max_size=30),
    query=st.dictionaries(
        st.sampled_from(
            ["n", "session", "category", "exclude", "min_price", "cursor", "relation", "segment"]
        ),
        st.one_of(st.text(max_size=10), st.integers().map(str), st.floats().map(str)),
        max_size=4,
    ),
)
def test_no_query_is_a_bug(api_server: ApiServer, path: str, name: str, query: dict[str, str]) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in name.encode("utf-8", "surrogatepass"))
    answer = api_server.get(path.format(quoted), **query)
    assert answer.status_code < 500, (path, name, query, answer.text)


def test_the_domain_file_may_map_other_columns(tmp_path: Path) -> None:
    """Rows that an app posts have the contract's own fields; a mapped feed comes from its files alone."""
    yaml = DOMAIN_YAML + (
        "sources: {events: {columns: {user_id: who, item_id: what, event_type: kind, event_at: at}}}\n"
    )
    made = make_home(tmp_path, yaml, nightly=False)
    app = make_app(
        load_settings({"NIGHTJAR_HOME": str(made.home), "NIGHTJAR_CONFIG": str(made.config)}),
        load_domain(made.config),
    )
    try:
        with pytest.raises(Exception, match=r"see sources\.events"):
            app.state.service.landing.land("events", [{"user_id": "a"}], utc_now())
    finally:
        app.state.service.close()
