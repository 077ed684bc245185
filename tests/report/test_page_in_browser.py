"""The HTML page in a real browser: Debian's Chromium without a window, driven by Playwright."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from lockml.report.html import format_html
from tests.made.browsers import chromium
from tests.report.reports import drifts, report_with

pytestmark = pytest.mark.engine

HOSTILE = "<img src=x onerror=alert(1)></script><script>alert(2)</script>`$(touch x)`"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(params=[390, 1280])
def page(browser: Browser, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Give the page on 5,000 drifts, one of them with a hostile name, on which nothing may go wrong."""
    found = list(drifts(5000))
    found[12] = replace(found[12], name=HOSTILE, path=f"/opt/{HOSTILE}", detail=HOSTILE)
    file = tmp_path / "report.html"
    file.write_text(format_html([report_with(found)]), encoding="utf-8")
    context = browser.new_context(viewport={"width": request.param, "height": 800}, color_scheme="dark")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert wrong == []


def test_page_fits_its_window_filters_and_copies(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light dark"
    groups = page.locator("article")
    expect(groups).to_have_count(4)
    page.get_by_label("Filter groups by kind").select_option("unexpected")
    expect(page.locator("article:visible")).to_have_count(1)
    expect(page.locator("#shown")).to_have_text("1 of 4 groups")
    page.get_by_role("button", name="Copy").first.click()
    copied = str(page.evaluate("navigator.clipboard.readText()"))
    assert copied.startswith("rebuild the image without them")
    page.get_by_label("Filter groups by kind").select_option("")
    page.get_by_label("Filter groups by a word").fill("PLUGINS")
    expect(page.locator("article:visible")).to_have_count(1)
