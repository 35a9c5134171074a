"""The pages in a real browser: what loads, what a click and a key do, what fits on a phone.

Each test leaves its pictures below its tmp_path.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.api_server import ApiServer
from tests.support.books import NEWEST, purchase
from tests.support.nightly import land

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# Before any fixture: a server is made for nothing else.
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the PATH: apt-get install chromium")
PAGES = (
    "/",
    "/person",
    "/person?user=u08",
    "/item?item=b03",
    "/map",
    "/map?user=u08",
    "/compare",
    "/compare?user=u08",
    "/quality",
)
PHONE = {"width": 390, "height": 844}


@dataclass
class Visit:
    """A browser's window on the server.  said: errors of scripts and of the console, refused requests."""

    page: Page
    url: str
    said: list[str]
    pictures: Path

    def go(self, path: str) -> None:
        answer = self.page.goto(self.url + path)
        assert answer is not None and answer.status == 200, path

    def picture(self, name: str) -> None:
        self.page.screenshot(path=self.pictures / f"{name}.png", full_page=True)

    def focused(self) -> str:
        return str(self.page.evaluate("document.activeElement.textContent.trim()"))

    def tab_to(self, text: str, most: int = 40) -> None:
        """Press Tab until the element of that text has the focus, and see that it shows."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if self.focused() == text:
                outline = self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", f"{text} does not show that it has the focus"
                return
        raise AssertionError(f"{most} times Tab did not reach {text!r}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        opened = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def two_publications(api_server: ApiServer) -> None:
    land(
        api_server.settings,
        "events",
        "browsed.jsonl",
        [purchase("u08", "b01", NEWEST + timedelta(minutes=2))],
    )
    api_server.tick()


def opened(browser: Browser, server: ApiServer, folder: Path, **options: object) -> Visit:
    context: BrowserContext = browser.new_context(**options)  # type: ignore[arg-type]
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("requestfailed", lambda request: said.append(f"{request.url}: {request.failure}"))
    return Visit(page, server.url, said, folder)


def log_in(visit: Visit, key: str) -> None:
    visit.page.goto(f"{visit.url}/")
    assert visit.page.url.endswith("/login")
    visit.page.get_by_label("API key").fill(key)
    visit.page.get_by_role("button", name="Log in").click()
    visit.page.get_by_role("heading", name="The lists are fresh").wait_for()


@pytest.fixture
def visit(browser: Browser, api_server: ApiServer, two_publications: None, tmp_path: Path) -> Iterator[Visit]:
    made = opened(browser, api_server, tmp_path, viewport={"width": 1200, "height": 900})
    log_in(made, api_server.keys["read"])
    yield made
    made.page.context.close()
    assert made.said == []


@pytest.fixture
def phone(browser: Browser, api_server: ApiServer, two_publications: None, tmp_path: Path) -> Iterator[Visit]:
    made = opened(browser, api_server, tmp_path, viewport=PHONE, color_scheme="dark", has_touch=True)
    log_in(made, api_server.keys["read"])
    yield made
    made.page.context.close()
    assert made.said == []


def name_of(path: str) -> str:
    return path.strip("/").replace("?", "-").replace("=", "-") or "overview"


def test_every_page_loads_without_an_error(visit: Visit) -> None:
    for path in PAGES:
        visit.go(path)
        assert visit.page.get_by_role("heading", level=1).count() == 1, path
        visit.picture(name_of(path))
    visit.page.get_by_role("button", name="Log out").click()
    assert visit.page.url.endswith("/login")


def test_a_wrong_key_leads_back_to_the_login(browser: Browser, api_server: ApiServer, tmp_path: Path) -> None:
    made = opened(browser, api_server, tmp_path)
    made.page.goto(f"{made.url}/login")
    made.page.get_by_label("API key").fill("nj_wrong")
    made.page.get_by_role("button", name="Log in").click()
    assert made.page.url.endswith("/login")
    made.page.context.close()


def test_nothing_is_wider_than_a_phone(phone: Visit) -> None:
    for path in PAGES:
        phone.go(path)
        phone.picture(name_of(path))
        wide = phone.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= PHONE["width"], f"{path} is {wide} px wide"


def test_the_list_follows_a_look(visit: Visit) -> None:
    page = visit.page
    visit.go("/person?user=u08")
    before = page.locator("#rows tbody tr").evaluate_all("rows => rows.map(row => row.dataset.item)")
    page.get_by_role("button", name="Looked at").last.click()
    page.get_by_text("1 looked at in this session").wait_for()
    after = page.locator("#rows tbody tr").evaluate_all("rows => rows.map(row => row.dataset.item)")
    assert before[-1] not in after and after
    visit.picture("looked-at")
    page.get_by_role("button", name="Back to the list").click()
    page.wait_for_function(
        "first => document.querySelector('#rows tbody tr').dataset.item === first"
        " && !document.getElementById('said').textContent.includes('session')",
        arg=before[0],
    )


def test_an_ask_in_words(visit: Visit) -> None:
    page = visit.page
    visit.go("/person?user=u08")
    page.get_by_label("Ask in words").fill("a green book")
    page.get_by_role("button", name="Ask", exact=True).click()
    page.get_by_text("Asked: a green book").wait_for()
    assert page.locator("#rows tbody tr").first.get_by_role("link", name="Green book").count() == 1
    visit.picture("asked")


def test_two_publications_and_a_person(visit: Visit) -> None:
    page = visit.page
    visit.go("/compare")
    assert page.get_by_label("Other").input_value() > page.get_by_label("One", exact=True).input_value()
    page.get_by_label("A person's lists").fill("u08")
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="The lists of u08").wait_for()
    page.get_by_text("SQL").first.click()
    assert page.get_by_text("serving.recommendations at (version =>").first.is_visible()
    newest = page.get_by_label("Other").input_value()
    page.get_by_label("One", exact=True).select_option(newest)
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("These are the same publication").wait_for()


def test_the_map_by_mouse_and_by_keys(visit: Visit) -> None:
    page = visit.page
    visit.go("/map?user=u08")
    page.locator("#map a[tabindex='0']").first.focus()
    first = visit.focused()
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.closest('#map') !== null"), key
        is_on_top = (
            "(() => { const box = document.activeElement.firstElementChild.getBoundingClientRect(),"
            " hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);"
            " return hit.closest('a')?.getAttribute('href') !== document.activeElement.getAttribute('href')"
            " || document.activeElement.contains(hit); })()"
        )
        assert page.evaluate(is_on_top), f"{key} goes to a point that its own mark covers"
    page.keyboard.press("ArrowLeft")
    assert visit.focused() != first
    assert page.evaluate("document.activeElement.getAttribute('aria-label')")
    shape = "getComputedStyle(document.activeElement.firstElementChild)"
    assert page.evaluate(f"{shape}.strokeWidth") == "7px"
    visit.picture("map-by-keys")
    page.keyboard.press("Enter")
    page.wait_for_url("**/item?item=*")
    visit.go("/map")
    page.locator("#map g a").first.click()
    page.wait_for_url("**/item?item=*")


def test_by_keyboard_alone(visit: Visit) -> None:
    page = visit.page
    visit.go("/")
    page.keyboard.press("Tab")
    assert visit.focused() == "Skip to the content"
    for name, heading in (
        ("Map", "Map of items"),
        ("Compare", "Compare two publications"),
        ("People", "People"),
    ):
        visit.tab_to(name)
        page.keyboard.press("Enter")
        page.get_by_role("heading", name=heading, level=1).wait_for()
        assert page.locator("nav [aria-current=page]").inner_text() == name
    visit.go("/person?user=u08")
    visit.tab_to("looked at")
    page.keyboard.press("Enter")
    page.get_by_text("1 looked at in this session").wait_for()
    visit.picture("by-keyboard")
    assert visit.focused() == "looked at", "the focus is lost once the list was drawn again"
    page.keyboard.press("Enter")
    page.get_by_text("2 looked at in this session").wait_for()
