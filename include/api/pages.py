"""The web page: how fresh and good the lists are, and why a person gets theirs.

Server-rendered, nothing fetched from elsewhere.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi import Request as HttpRequest
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from include.api.access import Guard, guarded
from include.api.check_history import check_history
from include.api.comparison import choose, compare, move
from include.api.health import health_of
from include.api.page_figures import Figures, overview_figures
from include.api.refusals import Refused
from include.api.service import Request, Service
from include.pages import render
from include.reporting.item_map import Person
from include.settings import utc_now

TEMPLATES = Path(__file__).with_name("templates")
COOKIE = "nightjar_key"
LOGIN = "/login"
# Nothing from elsewhere, and no framing but by the same server.
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self';"
    " img-src data:; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
# Page -> the entry of the navigation that it belongs to.
_BELOW = {"person": "people"}
SHOWN_HISTORY, MAPPED_HISTORY, SHOWN_LIST, SHOWN_SIMILAR = 30, 100, 20, 20


def page(name: str, root: str, *, title: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page of ``templates``; whatever is filled in is escaped.  root: see `root_of`."""
    here = _BELOW.get(name, name)
    html = render(TEMPLATES / f"{name}.html.j2", root=root, title=title, here=here, **values)
    return HTMLResponse(html, status, {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"})


def login_routes() -> APIRouter:
    """Where the application has no login around it: a key, kept in a cookie."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(LOGIN)
    def login(http: HttpRequest) -> HTMLResponse:
        return page("login", root_of(http), title="Log in")

    @routes.post(LOGIN)
    def log_in(http: HttpRequest, key: Annotated[str, Form(max_length=200)] = "") -> Response:
        """No script can read the cookie; whether it holds a key, the next page finds out."""
        answer = RedirectResponse(f"{root_of(http)}/", 303)
        answer.set_cookie(COOKIE, key.strip(), httponly=True, samesite="strict", max_age=12 * 3600)
        return answer

    @routes.post("/logout")
    def log_out(http: HttpRequest) -> Response:
        answer = RedirectResponse(root_of(http) + LOGIN, 303)
        answer.delete_cookie(COOKIE)
        return answer

    return routes


def page_routes(service: Service, guard: Guard) -> APIRouter:
    read = guarded(guard, "read", include_in_schema=False)

    @read.get("/")
    def overview(http: HttpRequest) -> HTMLResponse:
        health, is_well = health_of(service, utc_now())
        figures = overview_figures(service.look_ups) if health.get("publication_id") else Figures()
        return page(
            "overview", root_of(http), title="Overview", health=health, is_well=is_well, figures=figures
        )

    @read.get("/person")
    def person(http: HttpRequest, user: str = "", find: str = "") -> HTMLResponse:
        look_ups = service.look_ups
        if not user:
            found = look_ups.find_users(find[:200], 50)
            return page("people", root_of(http), title="People", find=find, found=found)
        answer = service.told(service.recommend(Request(user, SHOWN_LIST)))
        return page(
            "person",
            root_of(http),
            title=f"Person {user}",
            user=user,
            portrait=look_ups.profile(user),
            history=look_ups.history(user, SHOWN_HISTORY),
            answer=answer,
            bars=score_bars(answer["items"]),
        )

    @read.get("/item")
    def item(http: HttpRequest, item: str) -> HTMLResponse:
        found = service.look_ups.item(item)
        if found is None:
            raise Refused(404, f"no item {item[:80]!r}")
        similar = service.look_ups.similar(item, SHOWN_SIMILAR)
        return page("item", root_of(http), title=found["title"] or item, item=found, similar=similar)

    @read.get("/compare")
    def comparison(http: HttpRequest, one: str = "", other: str = "", user: str = "") -> HTMLResponse:
        choice = choose(service.look_ups, one, other)
        found = compare(service.look_ups, *choice.pair, user) if choice.pair else None
        return page(
            "compare",
            root_of(http),
            title="Compare",
            status=choice.status,
            choice=choice,
            found=found,
            user=user,
            move=move,
        )

    @read.get("/map")
    def item_map(http: HttpRequest, user: str = "") -> HTMLResponse:
        root, found = root_of(http), service.maps.current()
        person, fallback = marks_of(service, user) if user else (Person(), None)
        drawn = service.maps.draw(found, person, f"{root}/item?item=") if found else None
        return page(
            "map", root, title="Map", drawn=drawn, user=user, history=len(person.had), fallback=fallback
        )

    @read.get("/quality")
    def quality(http: HttpRequest) -> HTMLResponse:
        return page("quality", root_of(http), title="Quality", history=check_history(service.look_ups))

    return read


def marks_of(service: Service, user: str) -> tuple[Person, str | None]:
    """The person's history and list as marks of a map, and whose popular items stand in for the list."""
    history = service.look_ups.history(user, MAPPED_HISTORY)
    answer = service.recommend(Request(user, SHOWN_LIST))
    titles = service.titles([row.item_id for row in answer.items])
    had = {row["item_id"]: f"{row['title']} · {row['last_event_at']:%Y-%m-%d}" for row in history}
    listed = {
        row.item_id: f"{row.rank}. {titles.get(row.item_id, row.item_id)} · {row.reason}"
        for row in answer.items
    }
    return Person(had, listed), answer.fallback


def score_bars(items: list[dict[str, Any]]) -> list[int]:
    """Widths in percent: scores compare within one list only."""
    scores = [row["score"] for row in items]
    low, high = min(scores, default=0.0), max(scores, default=1.0)
    return [round(8 + 92 * (score - low) / (high - low)) if high > low else 100 for score in scores]


def root_of(http: HttpRequest) -> str:
    """The path that the application is mounted below; "" where it is the whole server."""
    return str(http.scope.get("root_path", ""))


def refusal_page(root: str, status: int, message: str) -> Response:
    """Without a key to the login, else one clear sentence."""
    if status == 401 and not root:  # whoever mounts it has a login of their own
        return RedirectResponse(LOGIN, 303)
    return page("problem", root, title="Not this time", status=status, message=message)
