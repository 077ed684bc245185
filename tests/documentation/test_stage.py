"""Pages of a checkout become pages of the site, with links that lead within it."""

import pytest

from tests.documentation.stage import UnpublishedLinkError, page_text


@pytest.mark.parametrize(
    ("file", "link", "expected"),
    [
        ("docs/usage.md", "check.md#why", "check.md#why"),
        ("docs/usage.md", "../README.md", "index.md"),
        ("docs/usage.md", "../examples/pip/Dockerfile", "examples/pip.md"),
        ("docs/howto/ci.md", "../usage.md", "../usage.md"),
        ("docs/decisions/lock.md", "../../CHANGELOG.md", "../changelog.md"),
        ("CONTRIBUTING.md", "docs/api.md", "api.md"),
        ("examples/audit-image/README.md", "../../docs/audit.md", "../audit.md"),
        ("docs/usage.md", "#check", "#check"),
        ("docs/usage.md", "https://index.example/", "https://index.example/"),
    ],
)
def test_link_leads_to_the_same_page_on_the_site(file: str, link: str, expected: str) -> None:
    assert page_text(f"[x]({link})", file) == f"[x]({expected})"


@pytest.mark.parametrize("link", ["../lockml/cli/main.py", "gone.md", "../../outside.md"])
def test_link_to_what_the_site_does_not_have_is_refused(link: str) -> None:
    with pytest.raises(UnpublishedLinkError, match="which the site does not have"):
        page_text(f"[x]({link})", "docs/usage.md")


def test_block_that_is_a_file_has_its_name_as_title() -> None:
    text = "<!-- file: a/requirements.in -->\n```text\nnumpy\n```\n"
    assert page_text(text, "docs/usage.md") == '```text title="a/requirements.in"\nnumpy\n```\n'
