"""The routes below /v1, asked of a real server."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

from include.lake.lake import open_lake
from include.serving.recommend import Reader
from tests.support.api_server import ApiServer
from tests.support.books import NEWEST, purchase
from tests.support.nightly import land

LATER = NEWEST + timedelta(minutes=1)
SECONDS = 20


def rows_of(server: ApiServer, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    with open_lake(server.settings, read_only=True) as lake:
        return lake.rows(sql, list(parameters))


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def test_a_list_is_the_published_one(api_server: ApiServer) -> None:
    answer = api_server.get("/v1/users/u10/recommendations", n=3).json()
    published = rows_of(
        api_server,
        "select rank, item_id, title, score, source, reason,"
        " lists.publication_id, model_version, generated_at"
        " from serving.recommendations as lists inner join raw.items using (item_id)"
        " where user_id = 'u10' and rank <= 3 order by rank",
    )
    names = ("rank", "item_id", "title", "score", "source", "reason")
    assert answer["items"] == [dict(zip(names, row, strict=False)) for row in published]
    assert (answer["publication_id"], answer["model_version"]) == published[0][6:8]
    assert answer["as_of"] == f"{published[0][8].isoformat()}Z"
    assert answer["fallback"] is None and len(answer["recommendation_id"]) == 32


def test_someone_unknown_gets_what_is_popular_and_is_told(api_server: ApiServer) -> None:
    answer = api_server.get("/v1/users/nobody/recommendations", n=3).json()
    popular = api_server.get("/v1/popular", n=3).json()["items"]
    assert answer["fallback"] == "all"
    assert ids(answer) == [row["item_id"] for row in popular]


def test_a_session_puts_the_list_in_the_readers_order(api_server: ApiServer) -> None:
    session = ["b04", "b07"]
    answer = api_server.get("/v1/users/u11/recommendations", session=session).json()
    with Reader(api_server.settings, api_server.domain) as reader:
        expected = [row.item_id for row in reader.recommend("u11", 10, session).items]
    assert ids(answer) == expected
    assert not set(session) & set(ids(answer))


def test_rerank_puts_any_items_in_a_persons_order(api_server: ApiServer) -> None:
    books = [f"b{n:02}" for n in range(30)]
    orders = []
    for user in ("u12", "u13"):
        answer = api_server.post(
            f"/v1/users/{user}/rerank", {"items": ["no such book", *books]}, "read"
        ).json()
        assert sorted(ids(answer)[:-1]) == books and ids(answer)[-1] == "no such book"
        scores = [item["score"] for item in answer["items"]]
        assert scores == sorted(scores, reverse=True)
        orders.append(ids(answer))
    # u12 likes red books and u13 blue ones: of the first ten most have that colour.
    red, blue = (
        sum(int(item[1:]) % 3 == colour for item in order[:10]) for colour, order in enumerate(orders)
    )
    assert orders[0] != orders[1] and red > 5 and blue > 5
    few = api_server.post("/v1/users/u12/rerank", {"items": orders[0][:5][::-1]}, "read").json()
    assert ids(few) == orders[0][:5]


def test_filters_fill_up_again(api_server: ApiServer) -> None:
    """A list holds five books of all shelves; of one shelf there are ten, less what the reader had."""
    had = {
        row[0] for row in rows_of(api_server, "select item_id from features.user_items where user_id = 'u13'")
    }
    red = {f"b{n:02}" for n in range(0, 30, 3)}
    answer = api_server.get("/v1/users/u13/recommendations", n=10, category="Red").json()
    assert set(ids(answer)) == red - had
    first = ids(answer)[0]
    again = api_server.get("/v1/users/u13/recommendations", n=10, category="Red", exclude=first).json()
    assert ids(again) == ids(answer)[1:]
    cheap = api_server.get("/v1/users/u13/recommendations", n=30, min_price=3, max_price=5.5).json()
    assert set(ids(cheap)) == {"b03", "b04", "b05"} - had
    assert api_server.get("/v1/users/u13/recommendations", category="Purple").json()["items"] == []


def test_several_people_at_once(api_server: ApiServer) -> None:
    told = api_server.post(
        "/v1/recommendations:batch", {"user_ids": ["u14", "nobody"], "n": 2}, "read"
    ).json()
    assert [answer["user_id"] for answer in told["answers"]] == ["u14", "nobody"]
    assert [answer["fallback"] for answer in told["answers"]] == [None, "all"]
    assert ids(told["answers"][0]) == ids(api_server.get("/v1/users/u14/recommendations", n=2).json())


def test_what_goes_with_an_item(api_server: ApiServer) -> None:
    everything = api_server.get("/v1/items/b03/similar", n=50).json()["items"]
    together = api_server.get("/v1/items/b03/similar", n=50, relation="together").json()["items"]
    similar = api_server.get("/v1/items/b03/similar", n=50, relation="similar").json()["items"]
    substitutes = api_server.get("/v1/items/b03/similar", n=50, relation="substitute").json()["items"]
    complements = api_server.get("/v1/items/b03/similar", n=50, relation="complement").json()["items"]
    assert {row["relation"] for row in together} <= {"taken together", "substitute", "complement"}
    assert {row["relation"] for row in similar} <= {"similar text", "substitute"}
    assert {row["relation"] for row in complements} <= {"complement"}
    assert {row["relation"] for row in substitutes} <= {"substitute"}
    assert len(together) + len(similar) - len(substitutes) == len(everything) > 0
    assert api_server.get("/v1/items/zzz/similar").status_code == 404
    assert api_server.get("/v1/items/b03/similar", relation="cousins").status_code == 400


def test_long_lists_come_in_pages(api_server: ApiServer) -> None:
    seen, cursor = [], 0
    while cursor is not None:
        page = api_server.get("/v1/popular", n=7, cursor=cursor).json()
        seen += [row["item_id"] for row in page["items"]]
        cursor = page["next"]
    assert seen == [row["item_id"] for row in api_server.get("/v1/popular", n=100).json()["items"]]
    first = api_server.get("/v1/users/u15/history", n=2).json()
    rest = api_server.get("/v1/users/u15/history", n=50, cursor=first["next"]).json()
    whole = api_server.get("/v1/users/u15/history").json()["items"]
    assert first["items"] + rest["items"] == whole and rest["next"] is None
    times = [row["last_event_at"] for row in whole]
    assert times == sorted(times, reverse=True)


def test_a_profile_in_words_and_figures(api_server: ApiServer) -> None:
    found = api_server.get("/v1/users/u16/profile").json()
    assert found["profile"].endswith(".") and set(found["intent"]) == {
        "about",
        "items",
        "confidence",
        "drift",
    }
    refused = api_server.get("/v1/users/nobody/profile")
    assert refused.status_code == 404 and refused.json() == {"error": "nothing is known of user 'nobody'"}


def test_an_id_may_hold_a_slash(api_server: ApiServer) -> None:
    land(api_server.settings, "events", "slash.jsonl", [purchase("team/a b", "b05", LATER)])
    api_server.tick()
    found = api_server.get("/v1/users/team%2Fa%20b/history").json()["items"]
    assert [row["item_id"] for row in found] == ["b05"]


def test_a_refresh_is_seen_at_once_and_by_whom_it_touches_alone(api_server: ApiServer) -> None:
    before = {user: api_server.get(f"/v1/users/{user}/recommendations").json() for user in ("u01", "u02")}
    land(api_server.settings, "events", "seen.jsonl", [purchase("u01", ids(before["u01"])[0], LATER)])
    api_server.tick()
    deadline = time.monotonic() + SECONDS
    while (now := api_server.get("/v1/users/u01/recommendations").json())["publication_id"] == before["u01"][
        "publication_id"
    ]:
        assert time.monotonic() < deadline, "the server still answers with the list of before"
        time.sleep(0.05)
    assert ids(before["u01"])[0] not in ids(now)
    other = api_server.get("/v1/users/u02/recommendations").json()
    assert other | {"recommendation_id": ""} == before["u02"] | {"recommendation_id": ""}


def test_posted_events_are_landed_once_and_lead_back_to_the_answer(api_server: ApiServer) -> None:
    answer = api_server.get("/v1/users/u03/recommendations", n=2).json()
    event = purchase(
        "u03",
        ids(answer)[0],
        LATER,
        event_id="once",
        recommendation_id=answer["recommendation_id"],
        text="Lovely",
    )
    for _ in range(2):
        posted = api_server.post("/v1/events", {"rows": [event]})
        assert posted.status_code == 202 and posted.json()["rows"] == 1
    api_server.tick()
    found = rows_of(api_server, "select recommendation_id, text from raw.events where event_id = 'once'")
    assert found == [(answer["recommendation_id"], "Lovely")]
    assert ids(answer)[0] not in [
        row[0]
        for row in rows_of(api_server, "select item_id from serving.recommendations where user_id = 'u03'")
    ]
    lines = []
    deadline = time.monotonic() + SECONDS
    while not lines:
        assert time.monotonic() < deadline, "the answer was never logged"
        served = (api_server.settings.home / "served").glob("*.jsonl")
        lines = [
            json.loads(line)
            for file in served
            for line in file.read_text().splitlines()
            if answer["recommendation_id"] in line
        ]
    assert lines[0]["user_id"] == "u03" and lines[0]["item_ids"] == ids(answer)


def test_a_bad_row_lands_nothing_and_is_named(api_server: ApiServer) -> None:
    def landed() -> set[str]:
        return {file.name for file in (api_server.settings.landing / "events").iterdir()}

    before = landed()
    good = purchase("u04", "b01", LATER)
    for bad, said in (
        (good | {"event_type": "stare"}, "row 2: unknown_event_type: stare"),
        (good | {"event_at": "yesterday"}, "row 2: bad_event_at: yesterday"),
        ({key: value for key, value in good.items() if key != "user_id"}, "row 2: missing_user_id"),
        (good | {"user": "u04"}, "events have no field 'user'"),
    ):
        refused = api_server.post("/v1/events", {"rows": [good, bad]})
        assert refused.status_code == 422 and said in refused.json()["error"], refused.text
    assert landed() == before


def test_posted_items_are_there_after_the_next_refresh(api_server: ApiServer) -> None:
    row = {"item_id": "b01", "title": "Blue book 1", "category": "Blue", "description": "New in paperback"}
    assert api_server.post("/v1/items", {"rows": [row]}).status_code == 202
    api_server.tick()
    assert rows_of(api_server, "select description from raw.items where item_id = 'b01'") == [
        ("New in paperback",)
    ]


def test_health_and_metrics(api_server: ApiServer) -> None:
    health = api_server.get("/v1/health", role="")
    assert health.status_code == 200 and health.json()["status"] == "ok"
    assert health.json()["lists_in_memory"] is True
    text = api_server.get("/v1/metrics").text
    assert 'nightjar_requests_total{route="/v1/health",status="200"}' in text
    assert "nightjar_nightly_age_seconds" in text


def test_openapi_has_every_route_with_an_example(api_server: ApiServer) -> None:
    api = api_server.get("/v1/openapi.json", role="").json()
    assert "/v1/users/{user_id}/recommendations" in api["paths"]
    assert "example" in api["components"]["schemas"]["Recommendations"]


def test_a_request_in_words_and_one_that_refines_it(api_server: ApiServer) -> None:
    first = api_server.get("/v1/users/u05/recommendations", n=3, ask="something green").json()
    assert {item["source"] for item in first["items"]} == {"ask"}
    assert all(int(item[1:]) % 3 == 2 for item in ids(first))
    second = api_server.get(
        "/v1/users/u05/recommendations", n=3, ask="not green, blue", previous=first["asked"]
    ).json()
    assert second["asked"] == ["something green", "not green, blue"]
    assert ids(second) != ids(first)
