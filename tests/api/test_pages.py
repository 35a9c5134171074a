"""The pages: what they show, to whom, and that nothing on them runs but their own script."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import httpx

from include.api.comparison import Choice
from include.api.pages import page
from tests.support.api_server import ApiServer
from tests.support.books import NEWEST, purchase
from tests.support.nightly import land


@contextmanager
def logged_in(server: ApiServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=30) as client:
        assert "Log in" in client.get("/").text
        done = client.post("/login", data={"key": server.keys["read"]})
        assert done.status_code == 200 and "The lists are fresh" in done.text
        yield client


def test_login_and_logout(api_server: ApiServer) -> None:
    with logged_in(api_server) as client:
        assert "HttpOnly" in httpx.post(f"{api_server.url}/login", data={"key": "x"}).headers["set-cookie"]
        client.post("/logout")
        assert "Log in" in client.get("/person").text
        assert "Log in" in client.post("/login", data={"key": "nj_wrong"}).text


def test_overview(api_server: ApiServer) -> None:
    with logged_in(api_server) as client:
        text = client.get("/").text
        for said in ("Publications", "nightly", "Quarantine", "from serving.publications"):
            assert said in text, said


def test_a_person_and_an_item(api_server: ApiServer) -> None:
    listed = api_server.get("/v1/users/u08/recommendations", n=20).json()["items"]
    with logged_in(api_server) as client:
        text = client.get("/person", params={"user": "u08"}).text
        assert all(item["title"] in text and item["reason"] in text for item in listed)
        assert "Interests" in text and "History" in text
        assert 'href="/person?user=u08"' in client.get("/person", params={"find": "u0"}).text
        assert "Nobody with a history" in client.get("/person", params={"find": "zzz"}).text
        assert "popular items stand in" in client.get("/person", params={"user": "nobody"}).text.lower()
        text = client.get("/item", params={"item": "b03"}).text
        assert "Red book 3" in text and "taken together" in text
        missing = client.get("/item", params={"item": "zzz"})
        assert missing.status_code == 404 and "no item" in missing.text


def test_compare(api_server: ApiServer) -> None:
    land(
        api_server.settings,
        "events",
        "compared.jsonl",
        [purchase("u09", "b04", NEWEST + timedelta(minutes=1))],
    )
    api_server.tick()
    with logged_in(api_server) as client:
        text = client.get("/compare", params={"user": "u09"}).text
        for said in ("(live)", "Figures are of everyone", "The lists of u09", "at (version =&gt; "):
            assert said in text, said
        missing = client.get("/compare", params={"one": "zzz"})
        assert missing.status_code == 404 and "no publication &#39;zzz&#39;" in missing.text


def test_a_publication_that_expired_is_told(api_server: ApiServer) -> None:
    says = "can be read no more"
    choice = Choice([], "a", "b", problem=f"The lists of a {says}", status=410)
    answer = page("compare", "", title="Compare", choice=choice, found=None, user="", status=410)
    assert answer.status_code == 410 and says in bytes(answer.body).decode()


def test_map(api_server: ApiServer) -> None:
    with logged_in(api_server) as client:
        text = client.get("/map").text
        assert text.count("<circle cx=") == 30 and 'href="/item?item=b03" tabindex="-1"' in text
        assert "Red (" in text and "history (" not in text
        text = client.get("/map", params={"user": "u08"}).text
        listed = api_server.get("/v1/users/u08/recommendations", n=20).json()["items"]
        assert text.count('class="listed"') == len(listed) + 1  # and the legend's
        assert "history (" in text and listed[0]["reason"] in text
        assert "popular items (all) stand in" in client.get("/map", params={"user": "nobody"}).text


def test_quality(api_server: ApiServer) -> None:
    with logged_in(api_server) as client:
        land(
            api_server.settings,
            "events",
            "unlisted-type.jsonl",
            [purchase("u00", "b01", NEWEST) | {"event_type": "<b>"}],
        )
        api_server.tick()
        text = client.get("/quality").text
        assert "No check has run yet" in text and "from ops.quality_results" in text
        assert "unknown_event_type" in text and "&lt;b&gt;" in text and "<b>&#34;" not in text


def test_names_are_text_and_never_markup(api_server: ApiServer) -> None:
    name = "<script>alert(1)</script>'\"&"
    at = NEWEST + timedelta(minutes=3)
    land(api_server.settings, "events", "odd.jsonl", [purchase(name, "b02", at)])
    api_server.tick()
    with logged_in(api_server) as client:
        answer = client.get("/person", params={"user": name})
        assert answer.status_code == 200 and "<script>alert(1)" not in answer.text
        assert "<script>alert(1)" not in client.get("/person", params={"find": "<"}).text
        for path in ("/compare", "/map"):
            assert "<script>alert(1)" not in client.get(path, params={"user": name}).text
        assert "<script>alert(1)" not in client.get("/compare", params={"one": name}).text
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text and "https://" not in answer.text
