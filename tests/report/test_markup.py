"""Foreign text in Markdown and HTML is text, in every page that has some."""

import pytest
from markdown_it import MarkdownIt

from lockml.report.markup import html_text, md_code, md_text

HOSTILE = ["[x](http://x)", "<b>&amp;", "@team", "#1", "`a``b", " a ", "", "https://x www.x", "a|b", "\x1b[2J\u202e"]


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_text_makes_no_tag_and_no_link(text: str) -> None:
    html = MarkdownIt("commonmark", {"html": True}).render(f"x{md_text(text)} {md_code(text)}")
    assert not [tag for tag in ("<a", "<b", "<em", "<img") if tag in html]
    assert html.count("<code>") == 1


def test_text_that_github_links_is_broken_without_a_sign() -> None:
    assert md_text("@team") == r"\@&#8203;team"
    assert "&#8203;//x" in md_text("https://x")


def test_html_has_no_markup_and_no_control_character() -> None:
    assert html_text("<b>\"'\x1b") == "&lt;b&gt;&quot;&#x27;\\x1b"
