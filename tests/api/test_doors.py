"""Apps that talk to Amazon Personalize or Gorse, with their own unmodified clients."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from gorse import Gorse, GorseException

from include.lake.lake import open_lake
from tests.support.api_server import ApiServer
from tests.support.books import NEWEST

AT = (NEWEST + timedelta(minutes=2)).replace(tzinfo=UTC)
ARN = "arn:aws:personalize:eu-west-1:000000000000:campaign/books"


def client(server: ApiServer, name: str, role: str = "write") -> Any:
    return boto3.client(
        name,
        endpoint_url=f"{server.url}/personalize",
        region_name="eu-west-1",
        aws_access_key_id=server.keys[role],
        aws_secret_access_key="not checked",
        config=Config(retries={"max_attempts": 0}),
    )


def native(server: ApiServer, user: str, n: int) -> list[tuple[str, float]]:
    items = server.get(f"/v1/users/{user}/recommendations", n=n).json()["items"]
    return [(item["item_id"], item["score"]) for item in items]


def value(server: ApiServer, sql: str) -> Any:
    with open_lake(server.settings, read_only=True) as lake:
        return lake.value(sql)


def test_personalize_lists(api_server: ApiServer) -> None:
    runtime = client(api_server, "personalize-runtime", "read")
    answer = runtime.get_recommendations(campaignArn=ARN, userId="u06", numResults=3)
    assert [(row["itemId"], row["score"]) for row in answer["itemList"]] == native(api_server, "u06", 3)
    assert len(answer["recommendationId"]) == 32
    similar = runtime.get_recommendations(campaignArn=ARN, itemId="b03", numResults=2)["itemList"]
    near = api_server.get("/v1/items/b03/similar", n=2).json()["items"]
    assert [row["itemId"] for row in similar] == [row["item_id"] for row in near]


def test_personalize_ranking(api_server: ApiServer) -> None:
    books = [f"b{n:02}" for n in range(10)]
    runtime = client(api_server, "personalize-runtime", "read")
    answer = runtime.get_personalized_ranking(campaignArn=ARN, userId="u06", inputList=books)
    same = api_server.post("/v1/users/u06/rerank", {"items": books}, "read").json()["items"]
    assert [row["itemId"] for row in answer["personalizedRanking"]] == [row["item_id"] for row in same]


def test_personalize_events_and_items(api_server: ApiServer) -> None:
    events = client(api_server, "personalize-events")
    events.put_items(
        datasetArn=ARN,
        items=[{"itemId": "aws", "properties": '{"title": "Cloud atlas", "category": "Sky", "pages": 9}'}],
    )
    events.put_events(
        trackingId="any",
        userId="aws user",
        sessionId="s1",
        eventList=[
            {
                "eventId": "e-aws",
                "eventType": "purchase",
                "itemId": "aws",
                "sentAt": AT,
                "recommendationId": "r1",
            }
        ],
    )
    api_server.tick()
    found = (
        "select (item_id, session_id, recommendation_id, event_at) from raw.events where event_id = 'e-aws'"
    )
    assert value(api_server, found) == ("aws", "s1", "r1", AT.replace(tzinfo=None))
    found = "select (title, category, attributes) from raw.items where item_id = 'aws'"
    assert value(api_server, found) == ("Cloud atlas", "Sky", '{"pages": 9}')


def test_personalize_errors_have_its_own_names(api_server: ApiServer) -> None:
    runtime = client(api_server, "personalize-runtime", "read")
    with pytest.raises(runtime.exceptions.InvalidInputException, match="userId or itemId"):
        runtime.get_recommendations(campaignArn=ARN)
    with pytest.raises(runtime.exceptions.InvalidInputException, match="filterValues"):
        runtime.get_recommendations(
            campaignArn=ARN, userId="u06", filterArn=ARN, filterValues={"GENRE": '"x"'}
        )
    with pytest.raises(ClientError, match="AccessDenied"):
        client(api_server, "personalize-events", "read").put_items(
            datasetArn=ARN, items=[{"itemId": "x", "properties": "{}"}]
        )
    events = client(api_server, "personalize-events")
    with pytest.raises(events.exceptions.InvalidInputException, match="unknown_event_type: stare"):
        events.put_events(
            trackingId="any",
            userId="u",
            sessionId="s",
            eventList=[{"eventType": "stare", "itemId": "b01", "sentAt": AT}],
        )


def gorse(server: ApiServer, role: str = "write") -> Gorse:
    return Gorse(f"{server.url}/gorse", server.keys[role], timeout=30)


def test_gorse_lists(api_server: ApiServer) -> None:
    door = gorse(api_server, "read")
    assert [(row.id, row.score) for row in door.get_recommend("u07", n=3)] == native(api_server, "u07", 3)
    assert [row.id for row in door.get_recommend("u07", n=2, offset=1)] == [
        item for item, _ in native(api_server, "u07", 3)
    ][1:]
    red = [row.id for row in door.get_recommend("u07", category="Red", n=3)]
    assert red and all(int(item[1:]) % 3 == 0 for item in red)
    near = api_server.get("/v1/items/b03/similar", n=2).json()["items"]
    assert door.get_neighbors("b03", n=2) == [{"Id": row["item_id"], "Score": row["score"]} for row in near]
    session = door.session_recommend(
        [{"FeedbackType": "purchase", "ItemId": "b03", "Timestamp": AT.isoformat()}], n=3
    )
    assert len(session) == 3 and "b03" not in [row["Id"] for row in session]
    assert door.get_item("b03")["Categories"] == ["Red"]


def test_gorse_feedback_items_and_users(api_server: ApiServer) -> None:
    door = gorse(api_server)
    assert door.insert_item(
        {"ItemId": "g1", "Categories": ["Sky"], "Labels": ["slow", "long"], "Comment": "Gorse"}
    ) == {"RowAffected": 1}
    assert door.insert_user({"UserId": "gorse user", "Labels": {"country": "DE"}}) == {"RowAffected": 1}
    at = datetime.isoformat(AT)
    assert door.insert_feedback("purchase", "gorse user", "g1", at) == {"RowAffected": 1}
    api_server.tick()
    assert (
        value(api_server, "select count(*) from raw.events where user_id = 'gorse user' and item_id = 'g1'")
        == 1
    )
    assert value(api_server, "select tags from raw.items where item_id = 'g1'") == "slow|long"
    assert (
        value(api_server, "select attributes from raw.users where user_id = 'gorse user'")
        == '{"country": "DE"}'
    )


def test_gorse_errors_are_text(api_server: ApiServer) -> None:
    with pytest.raises(GorseException) as refused:
        gorse(api_server, "read").insert_feedback("purchase", "u", "b01", AT.isoformat())
    assert refused.value.status_code == 403 and "needs write" in refused.value.message
    with pytest.raises(GorseException) as refused:
        gorse(api_server).get_item("zzz")
    assert refused.value.status_code == 404
