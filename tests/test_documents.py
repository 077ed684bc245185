"""The README and docs/ lead nowhere that is not there, and tell nobody to install what no index has."""

import re
from pathlib import Path

import click
import pytest

from lockml.cli.main import cli

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
AT_THE_ROOT = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*AT_THE_ROOT, *DOCS, *DECISIONS]
_FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the names that headings have on GitHub: small letters, digits, hyphens for spaces, a number for twins."""
    found: dict[str, int] = {}
    for title in re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text()), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{number}" if number else name for name, count in found.items() for number in range(count + 1)}


def broken(page: Path) -> list[str]:
    """Return the links of *page* to files and headings that are not there."""
    links = _LINK.findall(re.sub(r"`[^`\n]*`", "", _FENCE.sub("", page.read_text())))
    wrong = []
    for link in (each for each in links if not re.match(r"[a-z]+:", each)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


def name_of(page: Path) -> str:
    """Return the path of *page*, as seen from the root."""
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    assert broken(page) == []


def test_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A `b` c\n\n[x](gone.md) [y](#a-b-c) [z](#a-c) [w](page.md#a-b-c) [v](https://x.example/)\n")
    assert broken(page) == ["gone.md", "#a-c"]


def test_readme_names_every_page_of_the_documentation() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [page.name for page in DOCS if f"(docs/{page.name})" not in readme] == []


def test_architecture_names_every_page_of_decisions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    assert [page.name for page in DECISIONS if f"(decisions/{page.name})" not in text] == []


def test_architecture_is_short() -> None:
    assert len((ROOT / "docs" / "architecture.md").read_text().splitlines()) <= 150


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


@pytest.mark.parametrize("folder", ["README.md", "docs", "lockml", "examples"])
def test_nothing_is_installed_from_an_index_that_does_not_have_it(folder: str) -> None:
    """lockml is on no index: `pip install lockml` would get nothing, or what somebody else calls so."""
    paths = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".md", ".py", ".toml", ".yml", ".yaml")]
    texts = {path: path.read_text() for path in ([ROOT / folder] if (ROOT / folder).is_file() else paths)}
    assert [path for path, text in texts.items() if re.search(r"pip install [^\n]*\blockml(\[|==|'|\"|$)", text)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_commands_in_examples_are_those_that_there_are(page: Path) -> None:
    context = click.Context(cli)
    for line in re.findall(r"^ *\$ lockml (.+)$", page.read_text(), re.MULTILINE):
        words = [word for word in line.split() if not word.startswith("-")]
        command = cli.get_command(context, words[0])
        assert command is not None, line
        if isinstance(command, click.Group):
            assert command.get_command(context, words[1]) is not None, line
