"""The routes below /v1."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response

from include.api.access import Guard, guarded, joined
from include.api.answers import BatchBody, Problem, Recommendations, RerankBody, RowsBody, Taken
from include.api.health import health_of
from include.api.metrics import Metrics
from include.api.refusals import Refused
from include.api.service import Request, Service, Wanted, instant
from include.serving.ask import Asked
from include.serving.look_ups import MAX_ROWS
from include.settings import utc_now

N = Annotated[int, Query(ge=1, le=MAX_ROWS, description="How many.")]
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem} for status in (400, 401, 403, 404, 413, 422, 429, 503)
}


def native_routes(service: Service, guard: Guard, metrics: Metrics) -> APIRouter:
    """guard: role -> the dependency that holds a request to it."""
    read = guarded(guard, "read", "/v1", responses=_PROBLEMS)
    write = guarded(guard, "write", "/v1", responses=_PROBLEMS)
    _add_lists(read, service)
    _add_look_ups(read, service)
    _add_landing(write, service)

    @read.get("/metrics", response_class=Response, tags=["operations"])
    def prometheus() -> Response:
        """Counts, latencies and freshness, as Prometheus reads them."""
        return Response(metrics.render(service, utc_now()), media_type=metrics.media_type)

    return joined(read, write)


def health_route(service: Service) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["operations"])

    @routes.get("/health")
    def health() -> JSONResponse:
        """Whether lists are there and fresh: 200, else 503 and what to do."""
        body, is_well = health_of(service, utc_now())
        return JSONResponse(body, 200 if is_well else 503)

    return routes


def _add_lists(routes: APIRouter, service: Service) -> None:
    @routes.get("/users/{user_id:path}/recommendations", response_model=Recommendations, tags=["lists"])
    async def recommendations(
        user_id: str,
        n: N = 10,
        session: Annotated[list[str] | None, Query(description="Items just looked at, newest last.")] = None,
        ask: Annotated[str | None, Query(max_length=1000, description="What is wanted, in words.")] = None,
        previous: Annotated[list[str] | None, Query(description="`asked` of the answer to refine.")] = None,
        category: Annotated[str | None, Query(max_length=512)] = None,
        exclude: Annotated[
            list[str] | None, Query(max_length=1000, description="Items to leave out.")
        ] = None,
        min_price: float | None = None,
        max_price: float | None = None,
        variant: Annotated[str | None, Query(max_length=512)] = None,
    ) -> JSONResponse:
        """The best items for a person; popular ones, marked by `fallback`, for someone unknown."""
        wanted = Wanted(category, frozenset(exclude or ()), min_price, max_price)
        turns = None if previous is None else Asked(tuple(previous))
        request = Request(user_id, n, tuple(session or ()), ask, turns, wanted, variant)
        return JSONResponse(service.told(await service.answer(request), request))

    @routes.post("/users/{user_id:path}/rerank", response_model=Recommendations, tags=["lists"])
    def rerank(user_id: str, body: RerankBody) -> JSONResponse:
        """The given items in the person's order."""
        return JSONResponse(service.told(service.rerank(user_id, body.items, body.session)))

    @routes.post("/recommendations:batch", tags=["lists"])
    def batch(body: BatchBody) -> JSONResponse:
        """Lists of several people."""
        requests = [Request(user_id, body.n) for user_id in body.user_ids]
        told = [
            {"user_id": request.user_id} | service.told(service.recommend(request), request)
            for request in requests
        ]
        return JSONResponse({"answers": told})


def _add_look_ups(routes: APIRouter, service: Service) -> None:
    @routes.get("/users/{user_id:path}/history", tags=["people"])
    def history(user_id: str, n: N = 50, cursor: Annotated[int, Query(ge=0)] = 0) -> JSONResponse:
        """What a person did, an item a row, the newest first; `next` is the cursor of what follows."""
        rows = service.look_ups.history(user_id, n, cursor)
        return _page("items", rows, cursor + n if len(rows) == n else None)

    @routes.get("/users/{user_id:path}/profile", tags=["people"])
    def profile(user_id: str) -> JSONResponse:
        """Taste, interests and what the latest session is about."""
        found = service.look_ups.profile(user_id)
        if found is None:
            raise Refused(404, f"nothing is known of user {user_id[:80]!r}")
        return JSONResponse({"user_id": user_id} | plain(found))

    @routes.get("/items/{item_id:path}/similar", tags=["items"])
    def similar(
        item_id: str,
        relation: Annotated[
            str | None, Query(description="together, similar, substitute or complement; else all")
        ] = None,
        n: N = 10,
    ) -> JSONResponse:
        """What goes with an item."""
        rows = service.look_ups.similar(item_id, n, relation)
        if not rows and service.look_ups.item(item_id) is None:
            raise Refused(404, f"no item {item_id[:80]!r}")
        return _page("items", rows, None)

    @routes.get("/popular", tags=["items"])
    def popular(
        segment: Annotated[str, Query(max_length=512)] = "all",
        n: N = 10,
        cursor: Annotated[int, Query(ge=0)] = 0,
    ) -> JSONResponse:
        """What is popular with everyone (`all`) or a segment, as age_band=18-24."""
        rows = service.look_ups.popular(segment, n, cursor)
        if not rows and not service.look_ups.popular(segment, 1):
            raise Refused(
                404, f"no segment {segment[:80]!r}; `all` is always there once a nightly has published"
            )
        return _page("items", rows, cursor + n if len(rows) == n else None)

    @routes.get("/publications", tags=["operations"])
    def publications(n: N = 20, cursor: Annotated[str, Query(max_length=512)] = "") -> JSONResponse:
        """What was published, the newest first."""
        rows = service.look_ups.publications(n, cursor)
        return _page("publications", rows, rows[-1]["publication_id"] if len(rows) == n else None)


def _add_landing(routes: APIRouter, service: Service) -> None:
    def landed(kind: str, body: RowsBody) -> JSONResponse:
        done = service.landing.land(kind, body.rows, utc_now())
        return JSONResponse(Taken(rows=done.rows, file=f"{kind}/{done.file}").model_dump(), 202)

    @routes.post("/events", response_model=Taken, status_code=202, tags=["landing"])
    def events(body: RowsBody) -> JSONResponse:
        """What people did: all rows are on disk when this answers, or none; the next refresh takes them."""
        return landed("events", body)

    @routes.post("/items", response_model=Taken, status_code=202, tags=["landing"])
    def items(body: RowsBody) -> JSONResponse:
        """New or changed items, likewise."""
        return landed("items", body)


def _page(name: str, rows: list[dict[str, Any]], following: object) -> JSONResponse:
    return JSONResponse({name: [plain(row) for row in rows], "next": following})


def plain(value: Any) -> Any:
    """As JSON has it: instants as ISO-8601 with a Z."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return instant(value) if hasattr(value, "isoformat") else value
