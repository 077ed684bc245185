"""A real browser for tests: Debian's Chromium without a window, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from tests.audit.services import unavailable

__all__ = ["chromium"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium; skip, or fail where real parts are demanded, if it is not installed."""
    program = shutil.which("chromium")
    if program is None:
        unavailable("Chromium is not installed (Debian: chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()
