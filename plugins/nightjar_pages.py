"""The API and its pages inside Airflow's api-server, below /nightjar, for whoever is logged in there.

Airflow gives an app that a plugin mounts no login of its own: each route of ours asks for it. The app is
built at the first request, since every Airflow process imports this file and only the api-server answers.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/nightjar"


def make_mounted_app() -> ASGIApp:
    """The same application, its routes held to Airflow's login in the place of API keys."""
    from include.api.app import make_app
    from include.config.domain import load_domain
    from include.settings import load_settings

    settings = load_settings()
    settings.make_folders()
    app = make_app(settings, load_domain(settings.config), airflow_guard)
    atexit.register(app.state.service.close)
    return app


def airflow_guard(role: str) -> Callable[..., Any]:
    """Reading takes a login; landing rows, what it takes to trigger a run."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends

    from include.api.refusals import Refused

    def check(user: Any = Depends(get_user)) -> Any:  # noqa: B008  as FastAPI asks for it
        if role != "read" and not get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, user=user
        ):
            raise Refused(403, f"user '{user.get_name()}' may not trigger runs; this needs it")
        return user

    return check


class _BuiltWhenAsked:
    """An ASGI application that builds another one at its first request."""

    def __init__(self, make: Callable[[], ASGIApp]) -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            with self._lock:
                self._app = self._app or self._make()
        await self._app(scope, receive, send)


class NightjarPages(AirflowPlugin):
    """An entry in Airflow's navigation, and what it opens."""

    name = "nightjar_pages"
    fastapi_apps = [{"app": _BuiltWhenAsked(make_mounted_app), "url_prefix": PREFIX, "name": "Nightjar"}]
    external_views = [
        {"name": "Nightjar", "href": f"{PREFIX}/", "destination": "nav", "url_route": "nightjar-pages"}
    ]
