"""Every page in a real browser, with 0, 1, 50 and 3,000 rows, on a desk and on a phone, in light and dark.

Nothing is beside the screen, what to do is in sight, and axe-core finds nothing to complain of. With
LOCKML_SCREENSHOTS=FOLDER it writes pictures there.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize
from starlette.routing import Route

from lockml.audit.store.store import Store
from lockml.audit.web.app import build_app
from tests.audit.crowds import CROWDED, FIX, crowd
from tests.audit.serving import served
from tests.made.browsers import chromium

pytestmark = pytest.mark.engine

ROWS: Final = (0, 1, 50, 3000)
DESK: Final[ViewportSize] = {"width": 1280, "height": 800}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    "/": ("/", "/?state=overdue", "/?sort=-name&page=2"),
    "/findings": (
        *("/findings", "/findings?by=kind", "/findings?by=age", "/findings?by=target", "/findings?by=finding"),
        *("/findings?show=acknowledged", "/findings?q=nothing-has-this"),
    ),
    "/acknowledgements": ("/acknowledgements",),
    "/targets/{name:path}": (f"/targets/{CROWDED}", f"/targets/{CROWDED}?page=2"),
    "/runs": ("/runs",),
    "/runs/{run}": ("/runs/{last}", "/runs/{last}?kind=unexpected&package=package-0&locked=&found=0.0"),
    "/runs/{run}/diff/{other}": ("/runs/1/diff/{last}",),
    "/search": ("/search", "/search?q=package", "/search?q=crowd"),
    "/api": ("/api",),
    "/login": ("/login",),
}
"""The pages to look at of each route that has some."""

NO_PAGE: Final = ("/api/", "/metrics", "/healthz", "/actions/", "/logout")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module", params=ROWS)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Give the address of a service with so many rows, and how many."""
    store = crowd(tmp_path_factory.mktemp("crowd"), request.param, datetime.now(UTC))
    with served(build_app(store, actions=lambda: "anyone")) as url:
        yield url, request.param
    store.close()


def test_every_route_that_is_a_page_is_looked_at(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    routes = [each for each in build_app(store).routes if isinstance(each, Route) and "GET" in (each.methods or ())]
    store.close()
    assert {each.path for each in routes if not each.path.startswith(NO_PAGE)} == set(ROUTES)


def paths(url: str, page: Page, count: int) -> list[str]:
    """Return the pages that there are with so many rows."""
    last = max((each["id"] for each in page.request.get(f"{url}/api/runs?limit=1").json()["runs"]), default=0)
    every = [path.replace("{last}", str(last)) for paths in ROUTES.values() for path in paths]
    needed = ("/targets/", "/runs/")
    return every if count else [path for path in every if not path.startswith(needed)]


def test_every_page_fits_and_has_no_fault_that_axe_finds(browser: Browser, address: tuple[str, int]) -> None:
    url, count = address
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    faults: list[object] = []
    page.on("pageerror", lambda error: faults.append((page.url, str(error))))
    page.on("console", lambda message: faults.append((page.url, message.text)) if message.type == "error" else None)
    for path in paths(url, page, count):
        page.goto(url + path)
        for size, scheme in ((DESK, "light"), (PHONE, "dark"), (DESK, "dark"), (PHONE, "light")):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            where = (path, size["width"], scheme)
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                faults.append((where, "is wider than the screen"))
            faults += [(where, "lies beside the screen", each) for each in page.evaluate(BESIDE)]
            if (size, scheme) == (DESK, "light") or (count == 50 and (size, scheme) == (PHONE, "dark")):
                found = Axe().run(page).response["violations"]
                faults += [(where, each["id"], each["nodes"][0]["html"][:200]) for each in found]
            picture(page, f"{path.strip('/').replace('/', '-') or 'fleet'}-{count}-{size['width']}-{scheme}")
    context.close()
    assert faults == []


def picture(page: Page, name: str) -> None:
    folder = os.environ.get("LOCKML_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_what_to_do_is_in_sight_on_a_phone(browser: Browser, address: tuple[str, int]) -> None:
    url, count = address
    if not count:
        return
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    for path in (f"/targets/{CROWDED}", "/findings", f"/findings?by=finding&target={CROWDED}"):
        page.goto(url + path)
        fix = page.locator(".fix code").first
        assert fix.text_content() == FIX
        box = fix.bounding_box()
        assert box is not None
        assert (box["x"] >= 0, box["x"] + box["width"] <= PHONE["width"]) == (True, True), path
    context.close()


def test_nothing_is_cut_without_saying_how_many_more(browser: Browser, address: tuple[str, int]) -> None:
    """Of 3,000 findings and targets each page says how many there are, and leads to all of them."""
    url, count = address
    if count < max(ROWS):
        return
    page = browser.new_page()
    page.goto(f"{url}/targets/{CROWDED}")
    assert "Open findings 2,940" in page.locator("main").inner_text()
    assert "1\u201350 of 1,441 groups" in page.locator("main").inner_text()
    assert "of 1,499" in page.locator("main").inner_text(), "of the files of the first group, beside the first"
    page.goto(url)
    assert "1\u201350 of 3,000 targets" in page.locator("main").inner_text()
    page.goto(f"{url}/findings?by=finding&target={CROWDED}&page=59")
    assert "2,901\u20132,940 of 2,940 findings" in page.locator("main").inner_text()
    page.goto(f"{url}/search?q=package")
    assert "200 of 1,500 findings" in page.locator("main").inner_text()
    page.close()


BESIDE = """() => [...document.querySelectorAll("main *")].filter((each) => {
  const box = each.getBoundingClientRect();
  const hidden = each.closest(".hidden, thead, svg, .skip") || !box.width || !box.height;
  return !hidden && (box.right > innerWidth + 1 || box.left < -1);
}).slice(0, 3).map((each) => each.outerHTML.slice(0, 160))"""
