"""Gorse's shapes: its unmodified clients reach the same lists."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Query
from fastapi.responses import JSONResponse, PlainTextResponse

from include.api.access import Guard, guarded, joined
from include.api.refusals import Refused
from include.api.service import Request, Service, Wanted
from include.serving.look_ups import RELATIONS
from include.settings import utc_now

PREFIX = "/gorse"
N = Annotated[int, Query(ge=1, le=500)]
Offset = Annotated[int, Query(ge=0, le=500)]
Row = dict[str, Any]


def problem(status: int, message: str) -> PlainTextResponse:
    """The service answers errors as text."""
    return PlainTextResponse(message, status)


def gorse_routes(service: Service, guard: Guard) -> APIRouter:
    read = guarded(guard, "read", f"{PREFIX}/api", tags=["Gorse"])
    write = guarded(guard, "write", f"{PREFIX}/api", tags=["Gorse"])
    _add_lists(read, service)
    _add_items(read, service)
    _add_landing(write, service)
    return joined(read, write)


def _add_lists(read: APIRouter, service: Service) -> None:
    async def recommended(
        user_id: str, category: str, n: int, offset: int, version: str | None
    ) -> JSONResponse:
        request = Request(user_id, n + offset, wanted=Wanted(category=category or None))
        rows = service.told(await service.answer(request), request)["items"][offset:]
        if version == "2":
            return JSONResponse([{"Id": row["item_id"], "Score": row["score"]} for row in rows])
        return JSONResponse([row["item_id"] for row in rows])

    @read.get("/recommend/{user_id}/{category}")
    async def recommend_in(
        user_id: str,
        category: str,
        n: N = 10,
        offset: Offset = 0,
        version: Annotated[str | None, Header(alias="X-API-Version")] = None,
    ) -> JSONResponse:
        """A person's items of a category; with X-API-Version: 2 with their scores."""
        return await recommended(user_id, category, n, offset, version)

    @read.get("/recommend/{user_id}")
    @read.get("/recommend/{user_id}/", include_in_schema=False)
    async def recommend(
        user_id: str,
        n: N = 10,
        offset: Offset = 0,
        version: Annotated[str | None, Header(alias="X-API-Version")] = None,
    ) -> JSONResponse:
        """A person's items; with X-API-Version: 2 with their scores."""
        return await recommended(user_id, "", n, offset, version)

    @read.post("/session/recommend")
    @read.post("/session/recommend/{category}")
    def session_recommend(
        feedback: Annotated[list[Row], Body(max_length=1000)], n: N = 10, category: str = ""
    ) -> JSONResponse:
        """What goes with the items of a session, of someone unknown."""
        items = [
            _text(row, "ItemId") for row in sorted(feedback, key=lambda row: str(row.get("Timestamp", "")))
        ]
        request = Request("", n, tuple(items), wanted=Wanted(category=category or None))
        rows = service.told(service.recommend(request), request)["items"]
        return JSONResponse([{"Id": row["item_id"], "Score": row["score"]} for row in rows])


def _add_items(read: APIRouter, service: Service) -> None:
    @read.get("/item-to-item/{name}/{item_id}")
    def item_to_item(name: str, item_id: str, n: N = 10, offset: Offset = 0) -> JSONResponse:
        """What goes with an item; name: one of RELATIONS, else all."""
        relation = name if name in RELATIONS else None
        return neighbours(item_id, n, offset, relation)

    @read.get("/item/{item_id}/neighbors")
    def neighbors(item_id: str, n: N = 10, offset: Offset = 0) -> JSONResponse:
        """What goes with an item."""
        return neighbours(item_id, n, offset, None)

    def neighbours(item_id: str, n: int, offset: int, relation: str | None) -> JSONResponse:
        rows = service.look_ups.similar(item_id, n + offset, relation)[offset:]
        return JSONResponse([{"Id": row["item_id"], "Score": row["score"]} for row in rows])

    @read.get("/popular")
    @read.get("/non-personalized/popular")
    def popular(n: N = 10, offset: Offset = 0) -> JSONResponse:
        """What is popular with everyone."""
        rows = service.look_ups.popular("all", n, offset)
        return JSONResponse([{"Id": row["item_id"], "Score": row["score"]} for row in rows])

    @read.get("/item/{item_id}")
    def item(item_id: str) -> JSONResponse:
        """An item's row."""
        found = service.look_ups.item(item_id)
        if found is None:
            raise Refused(404, f"item {item_id[:80]!r} is not there")
        labels = [row["label"] for row in found["attributes"]]
        categories = [found["category"]] if found["category"] else []
        return JSONResponse(
            {
                "ItemId": item_id,
                "IsHidden": False,
                "Categories": categories,
                "Labels": labels,
                "Comment": found["title"],
            }
        )


def _add_landing(write: APIRouter, service: Service) -> None:
    @write.post("/feedback")
    @write.put("/feedback")
    def insert_feedback(feedback: Annotated[list[Row], Body(max_length=10_000)]) -> JSONResponse:
        """What people did."""
        return landed("events", [_event(row) for row in feedback])

    @write.post("/item")
    def insert_item(row: Annotated[Row, Body()]) -> JSONResponse:
        """A new or changed item."""
        return landed("items", [_item(row)])

    @write.post("/items")
    def insert_items(rows: Annotated[list[Row], Body(max_length=10_000)]) -> JSONResponse:
        """New or changed items."""
        return landed("items", [_item(row) for row in rows])

    @write.post("/user")
    def insert_user(row: Annotated[Row, Body()]) -> JSONResponse:
        """A person."""
        return landed("users", [_user(row)])

    @write.post("/users")
    def insert_users(rows: Annotated[list[Row], Body(max_length=10_000)]) -> JSONResponse:
        """People."""
        return landed("users", [_user(row) for row in rows])

    def landed(kind: str, rows: list[Row]) -> JSONResponse:
        return JSONResponse({"RowAffected": service.landing.land(kind, rows, utc_now()).rows})


def _event(row: Row) -> Row:
    event = {
        "event_type": row.get("FeedbackType"),
        "user_id": row.get("UserId"),
        "item_id": row.get("ItemId"),
        "event_at": row.get("Timestamp"),
        "value": row.get("Value"),
        "text": row.get("Comment"),
    }
    return {name: value for name, value in event.items() if value not in (None, "")}


def _item(row: Row) -> Row:
    categories, labels = row.get("Categories") or [], row.get("Labels") or []
    item: Row = {"item_id": row.get("ItemId"), "title": row.get("Comment") or row.get("ItemId")}
    if isinstance(categories, list) and categories:
        item["category"] = categories[0]
    if isinstance(labels, list):
        if labels:
            item["tags"] = "|".join(str(label) for label in labels)
    else:
        item["attributes"] = json.dumps(labels)
    if row.get("IsHidden"):
        item["available_to"] = row.get("Timestamp") or f"{utc_now().isoformat()}Z"
    return item


def _user(row: Row) -> Row:
    labels = row.get("Labels")
    if not labels:
        return {"user_id": row.get("UserId")}
    attributes = labels if isinstance(labels, dict) else {"labels": labels}
    return {"user_id": row.get("UserId"), "attributes": json.dumps(attributes)}


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{name} is needed: a text")
    return value
