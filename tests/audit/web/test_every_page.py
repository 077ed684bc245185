"""Every page in a real browser, with 0, 1, 60 and 3,000 rows, on a desk and on a phone, in light and dark.

Nothing lies outside the screen, the fix is in sight, and axe-core finds no fault. With LOCKML_SCREENSHOTS=FOLDER the
test writes pictures there. axe reads every address where it is quick, without rows and with one, and each page once
with 60 rows, two pages of a list; it reads the colours of one row, and of /findings, in dark too. More rows repeat the
same markup.
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

FEW: Final = 1
SOME: Final = 60
MANY: Final = 3000
ROWS: Final = (0, FEW, SOME, MANY)
TARGETS: Final = 300  # at most: each is a transaction of its own
COLOURS: Final = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
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
"""The pages of each route, the usual one first."""

NO_PAGE: Final = ("/api/", "/metrics", "/healthz", "/actions/", "/logout")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module", params=ROWS)
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Give the address of a service with so many rows, and how many."""
    folder = tmp_path_factory.mktemp("crowd")
    store = crowd(folder, request.param, datetime.now(UTC), targets=min(request.param, TARGETS))
    with served(build_app(store, actions=lambda: "anyone")) as url:
        yield url, request.param
    store.close()


def test_every_route_that_is_a_page_is_looked_at(tmp_path: Path) -> None:
    store = Store("sqlite:///a.db", tmp_path)
    routes = [each for each in build_app(store).routes if isinstance(each, Route) and "GET" in (each.methods or ())]
    store.close()
    assert {each.path for each in routes if not each.path.startswith(NO_PAGE)} == set(ROUTES)


def paths(url: str, page: Page, count: int) -> dict[str, bool]:
    """Return the pages that there are with so many rows, and whether each is the usual one of its route."""
    last = max((each["id"] for each in page.request.get(f"{url}/api/runs?limit=1").json()["runs"]), default=0)
    return {
        path.replace("{last}", str(last)): path == paths[0]
        for paths in ROUTES.values()
        for path in paths
        if count or not path.startswith(("/targets/", "/runs/"))
    }


def test_every_page_fits_and_has_no_fault_that_axe_finds(browser: Browser, address: tuple[str, int]) -> None:
    url, count = address
    context = browser.new_context(viewport=DESK)
    page = context.new_page()
    faults: list[object] = []
    page.on("pageerror", lambda error: faults.append((page.url, str(error))))
    page.on("console", lambda message: faults.append((page.url, message.text)) if message.type == "error" else None)
    for path, usual in paths(url, page, count).items():
        page.goto(url + path)
        read = count <= FEW or (count == SOME and usual)
        for size, dark, asked in ((DESK, False, {}), (PHONE, True, COLOURS)):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme="dark" if dark else "light")
            where = (path, size["width"])
            if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
                faults.append((where, "is wider than the screen"))
            faults += [(where, "lies beside the screen", each) for each in page.evaluate(BESIDE)]
            if read and (not dark or count == FEW or path == "/findings"):
                found = Axe().run(page, options=asked).response["violations"]
                faults += [(where, each["id"], each["nodes"][0]["html"][:200]) for each in found]
            picture(page, f"{path.strip('/').replace('/', '-') or 'fleet'}-{count}-{size['width']}")
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
    """Of 3,000 findings and 300 targets each page says how many there are, and leads to all of them."""
    url, count = address
    if count < MANY:
        return
    page = browser.new_page()
    page.goto(f"{url}/targets/{CROWDED}")
    assert "Open findings 2,940" in page.locator("main").inner_text()
    assert "1\u201350 of 1,441 groups" in page.locator("main").inner_text()
    assert "of 1,499" in page.locator("main").inner_text(), "of the files of the first group, beside the first"
    page.goto(url)
    assert "1\u201350 of 300 targets" in page.locator("main").inner_text()
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
