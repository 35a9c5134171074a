"""The application: routes, refusals in each door's own shape, limits of size."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.api import gorse, personalize
from include.api.access import Access, Guard
from include.api.keys import ApiKey, KeyFile
from include.api.metrics import Metrics
from include.api.native import health_route, native_routes
from include.api.pages import login_routes, page_routes, refusal_page
from include.api.refusals import Refused
from include.api.service import Service
from include.config.domain import Domain
from include.errors import DataError, NightjarError
from include.settings import Settings

log = logging.getLogger(__name__)
VERSION = "1"


def make_app(settings: Settings, domain: Domain, guard: Guard | None = None) -> FastAPI:
    """guard: role -> the check of a request, in the place of API keys; it raises Refused or HTTPException."""
    service, metrics = Service(settings, domain), Metrics()
    access = Access(KeyFile(settings.home), domain.api.requests_per_minute)

    def by_key(role: str) -> Callable[[Request], ApiKey]:
        def check(request: Request) -> ApiKey:
            return access.check(request, role)

        return check

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.close()

    app = FastAPI(
        title="Nightjar",
        version=VERSION,
        description="Recommendations as versioned tables, over HTTP.",
        openapi_url=None,  # a route of our own, held to the login where there is one
        docs_url=None,  # its scripts come from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    holds = guard or by_key
    # By itself it says without a key whether it is alive and what it offers; below a login it says nothing.
    in_the_open = [] if guard is None else [Depends(guard("read"))]
    for routes in (
        native_routes(service, holds, metrics),
        personalize.personalize_routes(service, holds),
        gorse.gorse_routes(service, holds),
        page_routes(service, holds),
    ):
        app.include_router(routes)
    for routes in (health_route(service), _openapi_route(app), *([login_routes()] if guard is None else [])):
        app.include_router(routes, dependencies=in_the_open)
    _answer_refusals(app)
    app.add_middleware(_Edge, metrics=metrics, max_body=domain.api.max_body_kb * 1024)
    return app


def _openapi_route(app: FastAPI) -> APIRouter:
    routes = APIRouter()

    @routes.get("/v1/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    return routes


def _answer_refusals(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return problem(request.scope, error.status, error.message)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return problem(request.scope, error.status_code, str(error.detail))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        return problem(request.scope, 422, f"{where}: {first['msg']}")

    @app.exception_handler(NightjarError)
    async def ours(request: Request, error: NightjarError) -> Response:
        return problem(request.scope, 400 if isinstance(error, DataError) else 503, str(error))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        log.exception("%s %s", request.method, request.url.path, exc_info=error)
        return problem(request.scope, 500, "this is a bug of ours; the server's log has it")


def problem(scope: Scope, status: int, message: str) -> Response:
    """A refusal in the shape of the door that was knocked at."""
    root = scope.get("root_path", "")
    path = scope["path"].removeprefix(root)
    if path.startswith(personalize.PREFIX):
        return personalize.problem(status, message)
    if path.startswith(gorse.PREFIX):
        return gorse.problem(status, message)
    if not path.startswith("/v1"):
        return refusal_page(root, status, message)
    return JSONResponse({"error": message}, status)


class _Edge:
    """Counts, times and bounds every request; plain ASGI, since Starlette's own layer costs more."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body = max_body
        self._too_large = f"the body is larger than {max_body // 1024:,} KB (api.max_body_kb)"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, size = time.perf_counter(), 500, 0

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_body:
                raise HTTPException(413, self._too_large)  # FastAPI lets no other pass
            return message

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff")]
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared) <= self._max_body:
                await self._app(scope, bounded, counted)
            else:
                await problem(scope, 413, self._too_large)(scope, receive, counted)
        finally:
            route: Any = scope.get("route")
            name = getattr(route, "path", "none")
            self._metrics.requests.labels(name, str(status)).inc()
            self._metrics.seconds.labels(name).observe(time.perf_counter() - started)
