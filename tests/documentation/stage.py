"""Gather the pages of the site in one folder, with links that lead within it.

The pages stay where people read them in a checkout: docs/, the files at the root, the examples. GitHub follows a link
from docs/usage.md to ../examples/pip/Dockerfile; on the site, an example is one page that shows its files.
"""

import posixpath
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Final

from tests.documentation.markdown import with_links, with_wide_lists

__all__ = ["DOCS", "ROOT", "STAGED", "UnpublishedLinkError", "stage", "staged_name"]

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
STAGED: Final = ROOT / ".pages"
"""The ``docs_dir`` of zensical.toml."""

_AT_THE_ROOT: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_COPIED: Final = frozenset({".css", ".json", ".png", ".svg"})
_FILE: Final = re.compile(r"^<!-- file: (\S+) -->\n+```(\w+)$", re.MULTILINE)
_LANGUAGES: Final = {".py": "python", ".yaml": "yaml"}


class UnpublishedLinkError(ValueError):
    """A page links to a file that the site does not have."""


def staged_name(file: str) -> str | None:
    """Return what the page that shows *file*, as seen from the root, is called on the site; None where none does."""
    parts = PurePosixPath(file).parts
    if file in _AT_THE_ROOT:
        return _AT_THE_ROOT[file]
    if parts[0] == "examples" and len(parts) >= 2:
        return f"examples/{parts[1]}.md"
    return "/".join(parts[1:]) if parts[0] == "docs" and (ROOT / file).is_file() else None


def stage(folder: Path = STAGED) -> None:
    """Write all pages, and the files that they show, to *folder*; raises UnpublishedLinkError."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in sorted(each for each in DOCS.rglob("*") if each.suffix in (".md", *_COPIED)):
        target = folder / path.relative_to(DOCS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            target.write_text(page_text(path.read_text(), f"docs/{path.relative_to(DOCS).as_posix()}"))
        else:
            shutil.copyfile(path, target)
    for name, shown in _AT_THE_ROOT.items():
        if shown != "index.md":  # docs/index.md is the first page of the site
            (folder / shown).write_text(page_text((ROOT / name).read_text(), name))
    (folder / "examples").mkdir()
    for example in sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir()):
        (folder / "examples" / f"{example.name}.md").write_text(_example(example))


def page_text(text: str, file: str) -> str:
    """Return the page *file*, with *text*, as the site has it; raises UnpublishedLinkError."""
    here = staged_name(file)
    if here is None:
        raise UnpublishedLinkError(f"{file} has no place on the site")
    titled = _FILE.sub(lambda shown: f'```{shown[2]} title="{shown[1]}"', text)
    return with_wide_lists(with_links(titled, lambda link: _moved(link, file, here)))


def _moved(link: str, file: str, here: str) -> str:
    """Return *link* of the page *file* as the page *here* of the site has it."""
    name, mark, anchor = link.partition("#")
    if not name or ":" in name:
        return link
    target = staged_name(posixpath.normpath(posixpath.join(posixpath.dirname(file), name)))
    if target is None:
        raise UnpublishedLinkError(f"{file} links to {name}, which the site does not have")
    return posixpath.relpath(target, posixpath.dirname(here) or ".") + mark + anchor


def _example(folder: Path) -> str:
    """Return a page of the files in *folder*: its README, or a heading, and each file as a code block."""
    readme = folder / "README.md"
    file = f"examples/{folder.name}/README.md"
    parts = [page_text(readme.read_text(), file) if readme.is_file() else f"# Example: {folder.name}\n"]
    for path in sorted(each for each in folder.iterdir() if each.is_file() and each != readme):
        if path.name in ("pylock.toml",) or (path.name == "requirements.txt" and not readme.is_file()):
            continue  # what a person compiled here
        language = "docker" if path.name in ("Dockerfile", "Containerfile") else _LANGUAGES.get(path.suffix, "text")
        parts.append(f"## {path.name}\n\n```{language}\n{path.read_text().rstrip()}\n```\n")
    return "\n".join(parts)
