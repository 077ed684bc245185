"""The site builds without a warning, every link on it leads somewhere, and it loads nothing from another host."""

import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest
import zensical  # noqa: F401 - the program is beside this Python

from tests.documentation.stage import ROOT, staged_name

pytestmark = pytest.mark.process

_LOADS: Final = {
    ("link", "href"),
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
    ("use", "href"),
}
"""What a browser fetches by itself; `link` also names other pages of this site."""


_CODE: Final = frozenset({"pre", "code", "script", "style", "svg", "title"})
_MARKDOWN: Final = re.compile(r"```|\]\(|\|---|^\s*[-*] \w|\*\*", re.MULTILINE)


class Page(HTMLParser):
    """Reads what a page links to and loads, the anchors that it has, and its text without code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.text = ""
        self._code = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the links, loads and anchors of a tag."""
        self._code += tag in _CODE
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif (tag, name) in _LOADS and value:
                self.loads.append(value)
            elif (tag, name) == ("a", "href") and value:
                self.links.append(value)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of code."""
        self._code -= tag in _CODE

    def handle_data(self, data: str) -> None:
        """Note text that is no code."""
        self.text += "code" if self._code else data


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    """Return each page of the site by its path."""
    return {path.relative_to(site).as_posix(): Page(path.read_text()) for path in sorted(site.rglob("*.html"))}


def dead(pages: dict[str, Page], site: Path) -> Iterator[str]:
    """Yield each link within the site that leads nowhere."""
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            path = (
                posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path))) if parts.path else name
            )
            path = posixpath.join(path, "index.html") if (site / path).is_dir() else path
            target = pages.get(posixpath.normpath(path))
            gone = path.startswith("..") or not (site / path).is_file()
            if gone or (target is not None and unquote(parts.fragment) not in {"", *target.anchors}):
                yield f"{name}: {link}"


def test_every_page_is_on_the_site(pages: dict[str, Page]) -> None:
    sources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")]
    staged = {staged_name(file) or "" for file in (*sources, "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")}
    assert {name.removesuffix(".md") + ".html" for name in staged} <= pages.keys()


def test_every_link_on_the_site_leads_somewhere(pages: dict[str, Page], site: Path) -> None:
    assert list(dead({name: page for name, page in pages.items() if name != "404.html"}, site)) == []


def test_dead_link_on_the_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<a href="b.html"></a><a href="#x"></a><a href="a.html#y"></a><h1 id="y"></h1>')
    assert list(dead({"a.html": Page((tmp_path / "a.html").read_text())}, tmp_path)) == ["a.html: b.html", "a.html: #x"]


def test_nothing_is_loaded_from_another_host(pages: dict[str, Page], site: Path) -> None:
    assert [f"{name}: {load}" for name, page in pages.items() for load in page.loads if "//" in load] == []
    styles = [
        path for path in site.rglob("*.css") if re.search(r"(url\(|@import)\s*[\"']?(https?:)?//", path.read_text())
    ]
    assert styles == []


def test_pages_have_nothing_that_the_theme_fetches_elsewhere(pages: dict[str, Page], site: Path) -> None:
    """The scripts of the theme fetch mermaid, a light box and a star count from other hosts where a page wants them."""
    wanted = re.compile(r'class="[^"]*\b(mermaid|glightbox|pyodide)\b|data-md-component="source"|iframe-worker')
    assert [name for name in pages if wanted.search((site / name).read_text())] == []


def test_no_markdown_is_left_in_the_text(pages: dict[str, Page]) -> None:
    """GitHub reads it as CommonMark: what Python-Markdown reads otherwise would show its marks."""
    found = {name: _MARKDOWN.search(page.text) for name, page in pages.items()}
    assert {
        name: page.text[mark.start() - 40 : mark.end() + 40] for name, page in pages.items() if (mark := found[name])
    } == {}
    assert _MARKDOWN.search(Page("<p>text\n- an item</p><pre>- code</pre>").text)
    assert not _MARKDOWN.search(Page("<pre>- code ](x)</pre>").text)
