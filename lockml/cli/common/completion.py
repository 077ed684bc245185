"""Completions for a shell: files, containers, images, packages of the lock; quick, and never an error.

An item of type *file* or *dir*, *skipped* characters after the start of the word, is for the shell to complete.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click

from lockml.common.errors import LockmlError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from lockml.lock.model import Lock

__all__ = [
    "COMPLETERS",
    "complete_codes",
    "complete_containers",
    "complete_files",
    "complete_folders",
    "complete_images",
    "complete_locks",
    "complete_packages",
    "complete_subjects",
    "complete_targets",
    "item",
]

Completer = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]

_SECONDS: Final = 1.0  # a local engine answers in milliseconds
_OPEN: Final = ("archive", "oci", "compose", "path", "freeze")
_FOLDERS: Final = frozenset({"oci", "path"})
_PLATFORMS: Final = ("linux/amd64", "linux/arm64", "macos/amd64", "macos/arm64", "windows/amd64", "windows/arm64")
_PYTHONS: Final = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.14t")
_LIBCS: Final = ("glibc-2.17", "glibc-2.28", "glibc-2.31", "glibc-2.35", "glibc-2.36", "glibc-2.41", "musl-1.2")


def complete_files(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete files."""
    return [item(incomplete, type="file")]


def complete_folders(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete folders."""
    return [item(incomplete, type="dir")]


def complete_locks(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete files, after ``PREFIX=`` too."""
    return [item(incomplete, type="file", skipped=incomplete.rfind("=") + 1)]


def complete_containers(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the containers of the engine, running or not."""
    return _matching(_in_time(_containers), incomplete)


def complete_images(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the images of the engine that have a name."""
    return _matching(_in_time(_images), incomplete)


def complete_subjects(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose KIND:NAME, and bare names of containers."""
    return _after_kind(incomplete) or _matching((*_in_time(_containers), *_kinds()), incomplete)


def _complete_base_images(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose images, by name or as KIND:NAME."""
    kinds = (kind for kind in _kinds() if kind != "freeze:")
    return _after_kind(incomplete) or _matching((*_in_time(_images), *kinds), incomplete)


def _after_kind(incomplete: str) -> "list[CompletionItem]":
    """Return what may follow the kind that *incomplete* begins with, [] if it begins with none."""
    kind, colon, _ = incomplete.partition(":")
    if not colon:
        return []
    if kind == "container":
        return _matching((f"container:{name}" for name in _in_time(_containers)), incomplete)
    if kind == "image":
        return _matching((f"image:{name}" for name in _in_time(_images)), incomplete)
    return (
        [item(incomplete, type="dir" if kind in _FOLDERS else "file", skipped=len(kind) + 1)] if kind in _OPEN else []
    )


def _kinds() -> list[str]:
    from lockml.subjects.open import KINDS

    return [f"{kind}:" for kind in KINDS]


def complete_packages(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the packages of the lock that the command line names."""
    lock = _lock(context)
    names = [package.name for package in lock.pylock.packages] if lock is not None else []
    return _matching(names, incomplete.lower().replace("_", "-"))


def complete_codes(codes: Iterable[str]) -> Completer:
    """Return a function that proposes *codes*, each once, also after a comma."""

    def complete(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        head, comma, _last = incomplete.rpartition(",")
        given = head.split(",")
        return _matching((f"{head}{comma}{code}" for code in codes if code not in given), incomplete)

    return complete


def complete_targets(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the targets that the fleet file names."""
    table = _toml(context.params.get("fleet") or "lockml.toml").get("audit", {})
    targets = table.get("targets", ()) if isinstance(table, Mapping) else ()
    return _matching(
        (str(each["name"]) for each in targets if isinstance(each, Mapping) and "name" in each), incomplete
    )


def _complete_extras(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the extras of pyproject.toml and of the lock."""
    lock, project = _lock(context), _toml("pyproject.toml").get("project", {})
    of_project = project.get("optional-dependencies", {}) if isinstance(project, Mapping) else {}
    return _matching((*of_project, *(lock.pylock.extras or () if lock is not None else ())), incomplete)


def _complete_groups(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the dependency groups of pyproject.toml and of the lock."""
    lock, groups = _lock(context), _toml("pyproject.toml").get("dependency-groups", {})
    of_project = groups if isinstance(groups, Mapping) else {}
    return _matching((*of_project, *(lock.pylock.dependency_groups or () if lock is not None else ())), incomplete)


def _fixed(words: Iterable[str]) -> Completer:
    return lambda _, __, incomplete: [item(word) for word in words if word.startswith(incomplete)]


def _lock(context: click.Context) -> "Lock | None":
    """Return the lock that the command line names, None if it cannot be read."""
    from lockml.cli.common.read_lock import read_lock

    named = context.params.get("lock") or "pylock.toml"
    name = named[0] if isinstance(named, tuple) else named
    if name == "-":
        return None
    with suppress(LockmlError, OSError):
        return read_lock(name.rpartition("=")[2])
    return None


def _toml(name: str) -> Mapping[str, object]:
    import tomllib
    from pathlib import Path

    with suppress(OSError, ValueError):
        return tomllib.loads(Path(name).read_text("utf-8"))
    return {}


def _containers() -> list[str]:
    from lockml.subjects.open import engine_of_environment

    return [each.name for each in engine_of_environment().containers({})]


def _images() -> list[str]:
    from lockml.subjects.open import engine_of_environment

    return engine_of_environment().image_names()


def _in_time(ask: Callable[[], list[str]]) -> list[str]:
    """Return the answer of *ask*, [] if it fails or takes too long."""
    from threading import Thread

    found: list[str] = []

    def run() -> None:
        with suppress(LockmlError, OSError):
            found.extend(ask())

    thread = Thread(target=run, daemon=True)
    thread.start()
    thread.join(_SECONDS)
    return list(found)


def _matching(words: Iterable[str], incomplete: str) -> "list[CompletionItem]":
    return [item(word) for word in sorted(set(words)) if word.startswith(incomplete)]


def item(value: str, help: str | None = None, *, type: str = "plain", skipped: int = 0) -> "CompletionItem":  # noqa: A002 - click's words
    """Return the completion item for *value*."""
    from click.shell_completion import CompletionItem

    return CompletionItem(value, type=type, help=help, skipped=skipped)


_FILES: Final = (
    *("--lock", "--baseline", "--output", "--requirements", "--constraint", "--override", "--prefer", "--input"),
    *("--fleet", "--cert", "--client-cert", "--tags", "--token-file"),
)
_PACKAGES: Final = (
    *("--exclude", "--upgrade-package", "--allow-build", "--accept-older", "--deny", "--no-binary", "--only-binary"),
    "--exclude-newer-except",
)

COMPLETERS: Final[Mapping[str, Completer]] = {
    **dict.fromkeys(_FILES, complete_files),
    **dict.fromkeys(("--find-links", "--cache-dir", "--state-dir", "--context"), complete_folders),
    **dict.fromkeys(_PACKAGES, complete_packages),
    "--extra": _complete_extras,
    "--group": _complete_groups,
    "--no-group": _complete_groups,
    "--base-image": _complete_base_images,
    "--from": complete_subjects,
    "--platform": _fixed(_PLATFORMS),
    "--python": _fixed(_PYTHONS),
    "--libc": _fixed(_LIBCS),
}
"""Completions for the values of an option, by its name, in every command."""
