"""Folders stay small enough to choose from, and the documentation names every one of them and nothing that is gone."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lockml"
DOCS = ROOT / "docs"
DOCUMENTS = [
    ROOT / "CONTRIBUTING.md",
    *(DOCS / name for name in ("architecture.md", "follow-a-command.md", "glossary.md")),
    *sorted((DOCS / "decisions").glob("*.md")),
]


def packages() -> list[Path]:
    """Return every package of lockml, itself among them."""
    return sorted(init.parent for init in PACKAGE.rglob("__init__.py"))


def test_no_folder_has_more_than_14_modules_and_folders() -> None:
    for package in packages():
        inside = {
            path.stem
            for path in package.iterdir()
            if (path.suffix == ".py" and path.stem not in ("__init__", "__main__")) or (path / "__init__.py").is_file()
        }
        assert len(inside) <= 14, (package, sorted(inside))


def test_no_name_is_a_module_and_a_folder() -> None:
    assert [package for package in packages() if package.with_suffix(".py").exists()] == []


def test_architecture_names_every_folder() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    folders = [f"`{package.relative_to(PACKAGE).as_posix()}/`" for package in packages() if package != PACKAGE]
    hidden = {"`audit/store/migrations/`", "`audit/store/migrations/versions/`"}
    assert [folder for folder in folders if folder not in text and folder not in hidden] == []


def test_architecture_names_entries_that_exist() -> None:
    """An entry is a module of one of the row's folders, or a name of such a module."""
    rows = re.findall(r"^\| (`.*?) \| .*? \| (.*?) \|$", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    assert rows
    gone = []
    for folders, entries in rows:
        inside = [PACKAGE / folder for folder in re.findall(r"`([^`]+)/`", folders)]
        for entry in re.findall(r"`([^`]+)`", entries):
            module, _, name = entry.partition(".")
            texts = [path.read_text() for folder in inside if (path := folder / f"{module}.py").exists()]
            if not any(re.search(rf"^(?:def |class |){name}\b", text, re.MULTILINE) for text in texts):
                gone.append((folders, entry))
    assert gone == []


def test_documents_name_no_module_that_is_gone() -> None:
    paths = [*PACKAGE.rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    modules = [path.relative_to(ROOT).as_posix() for path in paths]
    for document in DOCUMENTS:
        text = document.read_text()
        named = set(re.findall(r"`((?:[a-z_0-9]+/)*[a-z_0-9]+\.py)`", text))
        assert sorted(each for each in named if not any(f"/{module}".endswith(f"/{each}") for module in modules)) == []
