"""The pages in a real browser: Debian's Chromium without a window, driven by Playwright."""

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.audit.seeded import HOSTILE, seed
from tests.audit.serving import Service, serve
from tests.made.browsers import chromium

pytestmark = pytest.mark.engine

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("pages")
    (folder / "lockml.toml").write_text('[audit]\nstore = "sqlite:///audit.db"\n')
    seed("sqlite:///audit.db", folder).close()
    with serve(folder, "--no-schedule", token=TOKEN) as running:
        yield running


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """Give a page of somebody who has logged in, on which nothing may go wrong."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme="light")
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    yield logged_in(page, service)
    context.close()
    assert wrong == []


def test_fleet_shows_every_target_and_narrows_to_what_is_typed(page: Page) -> None:
    rows = page.locator("table.fleet tbody tr")
    expect(rows).to_have_count(9)
    expect(rows.first).to_contain_text("drift")
    page.get_by_label("Filter").fill("trainer")
    expect(rows).to_have_count(3)
    expect(page).to_have_url(re.compile(r"/\?q=trainer$"))
    page.locator("select[name=state]").select_option("unreachable")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("trainer-3")
    page.reload()
    expect(rows).to_have_count(1)
    assert "state=unreachable" in page.url, "what is asked for is in the address"


def test_page_that_cannot_be_refreshed_says_so_until_it_can(browser: Browser, service: Service) -> None:
    """A picture of the fleet that stays on a wall is not taken for today's."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.clock.install()
    logged_in(page, service)
    expect(page.get_by_role("button", name="Dark")).to_be_visible()  # the script has run, and its interval has begun
    told = page.get_by_text("This page is from")
    session = context.cookies()
    context.clear_cookies()
    page.clock.run_for(11_000)
    expect(told).to_be_visible(timeout=30_000)
    context.add_cookies(session)  # type: ignore[arg-type] # they are what it gave
    page.clock.run_for(11_000)
    expect(told).to_be_hidden(timeout=30_000)
    context.close()


def test_run_is_reached_from_the_fleet_and_compared_with_the_one_before(page: Page) -> None:
    page.get_by_role("link", name="trainer-1").click()
    expect(page.get_by_role("group", name="findings by kind")).to_be_visible()
    expect(page.get_by_role("heading", name="Open findings")).to_be_visible()
    page.locator("svg.timeline a").last.click()
    expect(page.get_by_role("heading", name="Findings")).to_be_visible()
    expect(page.locator("main")).to_contain_text("build anew from the locked requirements.txt")
    page.get_by_role("link", name="What changed since run").click()
    expect(page.get_by_role("heading", name="Resolved")).to_be_visible()


def test_lock_that_changed_between_two_runs_is_told(page: Page, service: Service) -> None:
    runs = service.api("targets/ranker/runs")["runs"]
    page.goto(f"{service.address}/runs/{runs[-1]['id']}/diff/{runs[0]['id']}")
    expect(page.locator("main")).to_contain_text("downgraded")
    expect(page.locator("main")).to_contain_text("1.26.3")


def test_dark_is_chosen_and_stays(page: Page, service: Service) -> None:
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.goto(f"{service.address}/targets/serving-eu")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark


def test_names_that_are_markup_or_escape_codes_are_shown_and_do_nothing(page: Page) -> None:
    page.get_by_role("link", name="odd/").click()
    expect(page.locator("main")).to_contain_text(HOSTILE)
    expect(page.locator("main")).to_contain_text(r"evil\x1b[2J\u202egnp")
    expect(page.locator("main")).to_contain_text(r"odd\udcff\x00name")
    assert page.locator("main script").count() == 0
    page.locator("#search").fill(HOSTILE)
    page.locator("#search").press("Enter")
    expect(page.get_by_role("heading", name="Search")).to_be_visible()
    expect(page.locator("main table tbody tr")).to_have_count(1)
    assert page.locator("main script").count() == 0


def test_fix_is_copied_and_times_are_those_of_the_reader(browser: Browser, service: Service) -> None:
    context = browser.new_context(timezone_id="Asia/Tokyo", permissions=["clipboard-read", "clipboard-write"])
    page = logged_in(context.new_page(), service)
    page.goto(f"{service.address}/targets/trainer-1")
    page.locator(".fix").get_by_role("button", name="Copy").first.click()
    expect(page.locator(".fix .copy").first).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "build anew from the locked requirements.txt"
    time = page.locator("time[data-local]").first
    utc = datetime.fromisoformat(str(time.get_attribute("datetime")))
    assert time.text_content() == f"{utc.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}"
    assert str(time.get_attribute("title")).endswith("UTC")
    context.close()


def test_finding_is_acknowledged_and_that_undone_by_keys_alone(browser: Browser, service: Service) -> None:
    context = browser.new_context()
    page = logged_in(context.new_page(), service)
    page.goto(f"{service.address}/targets/serving-us")
    group = page.locator(".row", has_text="newer-release")
    group.locator("summary", has_text="Acknowledge").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("after the release")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Acknowledged")).to_be_visible()
    expect(page.locator(".held")).to_contain_text("after the release")
    assert [each["reason"] for each in service.api("acknowledgements")["acknowledgements"]] == ["after the release"]
    page.get_by_role("button", name="Undo for newer-release").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Acknowledged")).to_have_count(0)
    page.get_by_role("button", name="Run now").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Run requested")
    context.close()


def logged_in(page: Page, service: Service) -> Page:
    """Return *page* after its login."""
    page.goto(service.address)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Fleet")).to_be_visible()
    return page


def test_keys_lead_to_the_search_and_to_the_content(page: Page) -> None:
    expect(page.get_by_role("button", name="Dark")).to_be_visible()  # it shows once the script has run
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.press("Escape")
    page.goto(page.url)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/targets/trainer-1", "/targets/serving-eu", "/search?q=numpy", "/runs/1"])
def test_text_has_the_contrast_of_wcag_aa(page: Page, service: Service, scheme: str, path: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.goto(service.address + path)
    low = page.evaluate(CONTRAST)
    assert low == []


def test_pages_say_the_same_without_scripts(browser: Browser, service: Service) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(service.address)
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("table.fleet tbody tr")).to_have_count(9)
    page.get_by_label("Filter").fill("serving")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("table.fleet tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Findings", exact=True).first.click()
    page.locator("select[name=by]").select_option("target")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".rows .row")).to_have_count(5)
    page.goto(f"{service.address}/?q=serving")
    page.get_by_role("link", name="serving-eu").click()
    expect(page.locator("main")).to_contain_text("torch")
    context.close()


def test_wrong_token_is_told_and_lets_nobody_in(browser: Browser, service: Service) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{service.address}/targets/ranker")
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("Wrong token")
    page.get_by_label("Token").fill(TOKEN)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="ranker")).to_be_visible()
    context.close()


CONTRAST = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const part = (value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = parse(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.getClientRects().length || element.closest("svg")) continue;
    const [front, back] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) low.push([element.tagName, element.className, element.textContent.trim().slice(0, 30), ratio]);
  }
  return low;
}"""
