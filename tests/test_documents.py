"""The README and docs/ lead nowhere that is not there, and tell nobody to install what no index has."""

import re
import shlex
import tomllib
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from lockml import __version__
from lockml.cli.main import cli
from tests.documentation.markdown import anchors, links
from tests.documentation.stage import staged_name

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
BELOW = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent != ROOT / "docs")
EXAMPLES = sorted((ROOT / "examples").rglob("*.md"))
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
AT_THE_ROOT = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
PAGES = [*AT_THE_ROOT, *DOCS, *BELOW, *EXAMPLES]


def broken(page: Path) -> list[str]:
    """Return the links of *page* to files and headings that are not there."""
    wrong = []
    for link in (each for each in links(page.read_text()) if not re.match(r"[a-z]+:", each)):
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
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


def pages_of(navigation: object) -> list[str]:
    """Return the pages that a navigation of the site names, in order."""
    if isinstance(navigation, str):
        return [navigation]
    parts = navigation.values() if isinstance(navigation, dict) else navigation
    assert isinstance(parts, Iterable)
    return [page for part in parts for page in pages_of(part)]


def test_navigation_of_the_site_has_every_page_once() -> None:
    navigation = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]["nav"]
    examples = [f"examples/{path.name}/README.md" for path in (ROOT / "examples").iterdir() if path.is_dir()]
    files = [*examples, *(name_of(page) for page in (*AT_THE_ROOT, *DOCS, *BELOW))]
    assert sorted(pages_of(navigation)) == sorted({staged_name(file) for file in files} - {None}, key=str)


def test_readme_names_every_page_of_the_documentation() -> None:
    """But those below docs/, which the navigation of the site has."""
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


def shown_commands() -> list[tuple[str, str]]:
    """Return each line that a page shows after ``$ lockml``, with the page."""
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    found = [
        (name_of(page), line)
        for page in pages
        for line in re.findall(r"^ *\$ lockml (.+)$", page.read_text(), re.MULTILINE)
    ]
    return list(dict.fromkeys(found))


def parse(line: str) -> None:
    """Parse the words after ``lockml`` up to a redirection, a pipe or a second command; raises click.UsageError."""
    words = shlex.split(re.split(r" (?:[<>|;]|&&) ?|;", line)[0], comments=True)
    command: click.Command = cli
    context = click.Context(cli, **cli.context_settings)
    while isinstance(command, click.Group):
        name, found, words = command.resolve_command(context, words)
        assert found is not None
        command, context = found, click.Context(found, info_name=name, parent=context)
    command.make_parser(context).parse_args(words)


@pytest.mark.parametrize(("page", "line"), shown_commands())
def test_commands_in_examples_have_the_options_that_there_are(page: str, line: str) -> None:
    try:
        parse(line)
    except click.UsageError as error:
        pytest.fail(f"{page}: $ lockml {line}: {error.format_message()}")


@pytest.mark.parametrize("line", ["check --containr trainer", "chekc --image x", "audit rnu", "check --image"])
def test_command_or_option_that_there_is_not_is_found(line: str) -> None:
    with pytest.raises(click.UsageError):
        parse(line)


def test_changelog_has_notes_for_this_version() -> None:
    """A version is a heading below `Unreleased`, newest first."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert re.fullmatch(re.escape(__version__) + r" - \d{4}-\d\d-\d\d", headings[1])
