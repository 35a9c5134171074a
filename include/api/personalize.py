"""Amazon Personalize's shapes: its unmodified clients reach the same lists.

The access key id is the API key; the signature is not checked. ARNs, tracking ids and filters are accepted; a
filter's values cannot be applied, since what they mean is defined at the other service.
"""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from include.api.access import Guard, guarded, joined
from include.api.refusals import Refused
from include.api.service import Request, Service
from include.settings import utc_now

PREFIX = "/personalize"
_KINDS = {400: "InvalidInputException", 404: "ResourceNotFoundException", 409: "ResourceInUseException"}
DEFAULT_RESULTS = 25


def problem(status: int, message: str) -> JSONResponse:
    """The service's own error shape, by which its clients name their exception."""
    kind = _KINDS.get(status, "AccessDeniedException" if status in (401, 403) else "InvalidInputException")
    shown = {401: 403, 413: 400, 422: 400}.get(status, status)
    return JSONResponse({"__type": kind, "message": message}, shown, {"x-amzn-ErrorType": kind})


def personalize_routes(service: Service, guard: Guard) -> APIRouter:
    read = guarded(guard, "read", PREFIX, tags=["Amazon Personalize"])
    write = guarded(guard, "write", PREFIX, tags=["Amazon Personalize"])
    _add_lists(read, service)
    _add_landing(write, service)
    return joined(read, write)


def _add_lists(read: APIRouter, service: Service) -> None:
    @read.post("/recommendations")
    async def get_recommendations(http: HttpRequest) -> JSONResponse:
        """GetRecommendations: by userId, or by itemId what goes with it."""
        body = await _body(http)
        n = _whole(body, "numResults", DEFAULT_RESULTS)
        if body.get("filterValues"):
            raise Refused(
                400, "filterValues cannot be applied: ask /v1/users/{id}/recommendations by category"
            )
        if "userId" in body:
            request = Request(_text(body, "userId"), n)
            told = service.told(await service.answer(request), request)
            items = [_scored(row["item_id"], row["score"], row["reason"]) for row in told["items"]]
            return JSONResponse({"itemList": items, "recommendationId": told["recommendation_id"]})
        if "itemId" in body:
            rows = await run_in_threadpool(service.look_ups.similar, _text(body, "itemId"), n)
            return JSONResponse({"itemList": [_scored(row["item_id"], row["score"]) for row in rows]})
        raise Refused(400, "userId or itemId is needed")

    @read.post("/personalize-ranking")
    async def get_personalized_ranking(http: HttpRequest) -> JSONResponse:
        """GetPersonalizedRanking."""
        body = await _body(http)
        items = body.get("inputList")
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise Refused(400, "inputList is needed: ids of items")
        answer = await run_in_threadpool(service.rerank, _text(body, "userId"), items, ())
        told = service.told(answer)
        ranking = [_scored(row["item_id"], row["score"]) for row in told["items"]]
        return JSONResponse({"personalizedRanking": ranking, "recommendationId": told["recommendation_id"]})


def _add_landing(write: APIRouter, service: Service) -> None:
    @write.post("/events")
    async def put_events(http: HttpRequest) -> JSONResponse:
        """PutEvents."""
        body = await _body(http)
        events = _rows(body, "eventList")
        user, session = body.get("userId") or body.get("sessionId"), body.get("sessionId")
        if not user:
            raise Refused(400, "userId or sessionId is needed")
        rows = [_event(event, str(user), session) for event in events]
        await run_in_threadpool(service.landing.land, "events", rows, utc_now())
        return JSONResponse({})

    @write.post("/items")
    async def put_items(http: HttpRequest) -> JSONResponse:
        """PutItems: properties that are fields of the landing contract are those, the rest are attributes."""
        rows = [_item(item) for item in _rows(await _body(http), "items")]
        await run_in_threadpool(service.landing.land, "items", rows, utc_now())
        return JSONResponse({})


def _scored(item_id: str, score: float, reason: str | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"itemId": item_id, "score": score}
    return row if reason is None else row | {"reason": [reason]}


def _event(event: dict[str, Any], user: str, session: object) -> dict[str, Any]:
    row: dict[str, Any] = {
        "user_id": user,
        "item_id": event.get("itemId"),
        "event_type": event.get("eventType"),
        "event_at": event.get("sentAt"),
        "event_id": event.get("eventId"),
        "value": event.get("eventValue"),
        "session_id": session,
        "recommendation_id": event.get("recommendationId"),
        "context": event.get("properties"),
    }
    return {name: value for name, value in row.items() if value is not None}


_OWN = {"title", "description", "category", "tags", "available_from", "available_to", "updated_at"}


def _item(item: dict[str, Any]) -> dict[str, Any]:
    properties = item.get("properties") or "{}"
    try:
        read = json.loads(properties) if isinstance(properties, str) else properties
    except ValueError:
        raise Refused(400, f"properties of item {item.get('itemId')!r} are no JSON") from None
    if not isinstance(read, dict):
        raise Refused(400, f"properties of item {item.get('itemId')!r} are no JSON object")
    names = {name: name.lower() for name in read}
    row = {names[name]: value for name, value in read.items() if names[name] in _OWN}
    rest = {name: value for name, value in read.items() if names[name] not in _OWN}
    if rest:
        row["attributes"] = json.dumps(rest)
    return {"item_id": item.get("itemId"), "title": row.pop("title", item.get("itemId"))} | row


async def _body(http: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(await http.body() or b"{}")
    except ValueError:
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body is no JSON object")
    return body


def _rows(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = body.get(name)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Refused(400, f"{name} is needed: a list of objects")
    return rows


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(400, f"{name} is needed: a text")
    return value


def _whole(body: dict[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= 500:
        raise Refused(400, f"{name} is {value!r}; expected 1 to 500")
    return value
