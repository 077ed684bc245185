"""The site in a browser, on a screen and on a phone: nothing is wider than it, and nothing comes from another host."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import zensical  # noqa: F401 - the program is beside this Python
from playwright.sync_api import Browser, ConsoleMessage, Request

from tests.made.browsers import chromium

pytestmark = [pytest.mark.engine, pytest.mark.slow]

_TOO_WIDE = """() => [...document.querySelectorAll("article *")].filter(element => {
    if (element.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let outer = element.parentElement; outer; outer = outer.parentElement)
        if (["auto", "scroll", "hidden"].includes(getComputedStyle(outer).overflowX)) return false;
    return true;
}).map(element => element.tagName + " " + element.textContent.slice(0, 60)).slice(0, 5)"""
PAGES = ("index", "tutorial", "reference", "reference/drift-kinds", "performance", "howto/ci", "examples/pip")


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Serve the site."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_fit_the_screen_and_ask_no_other_host(address: str, browser: Browser, width: int, scheme: str) -> None:
    asked: list[str] = []
    said: list[str] = []

    def note_request(request: Request) -> None:
        asked.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        said.append(message.text)

    page = browser.new_page(
        viewport={"width": width, "height": 844}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page.on("request", note_request)
    page.on("console", note_message)
    for name in PAGES:
        page.goto(f"{address}/{name}.html", wait_until="load")
        assert page.evaluate(_TOO_WIDE) == [], name
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    page.close()
    assert asked
    assert [url for url in asked if not url.startswith((f"{address}/", "data:", "blob:"))] == []
    assert said == []


def test_search_finds_a_page(address: str, browser: Browser) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{address}/index.html", wait_until="load")
    page.locator(".md-search__button:visible, .md-header__button[for=__search]:visible").first.click()
    page.keyboard.type("exit codes")
    page.locator("a[role=option][href*='reference/exit-codes.html']").first.wait_for(timeout=30_000)
    page.close()
