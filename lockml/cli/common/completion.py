"""What a shell proposes for a word: files, containers, images, packages of the lock. Never an error, never for long."""

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from lockml.common.errors import LockmlError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = [
    "complete_containers",
    "complete_files",
    "complete_folders",
    "complete_images",
    "complete_packages",
    "complete_subjects",
]


def complete_files(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete files."""
    return [_item(incomplete, type="file")]


def complete_folders(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Let the shell complete folders."""
    return [_item(incomplete, type="dir")]


def complete_containers(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the containers of the engine, running or not."""
    return _matching(_containers(), incomplete)


def complete_images(_: click.Context, __: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the images of the engine that have a name."""
    return _matching(_images(), incomplete)


def complete_subjects(context: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose KIND:NAME, and bare names of containers."""
    from lockml.subjects.open import KINDS

    kind, colon, _ = incomplete.partition(":")
    if colon and kind == "container":
        return _matching((f"container:{name}" for name in _containers()), incomplete)
    if colon and kind == "image":
        return _matching((f"image:{name}" for name in _images()), incomplete)
    if colon:
        return complete_files(context, param, incomplete)
    return _matching((*_containers(), *(f"{each}:" for each in KINDS)), incomplete)


def complete_packages(context: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose the packages of the lock that the command line names."""
    from lockml.cli.common.read_lock import read_lock

    with suppress(LockmlError, OSError):
        lock = read_lock(context.params.get("lock") or "pylock.toml")
        return _matching((package.name for package in lock.pylock.packages), incomplete)
    return []


def _containers() -> list[str]:
    from lockml.subjects.open import engine_of_environment

    with suppress(LockmlError):
        return [each.name for each in engine_of_environment().containers({})]
    return []


def _images() -> list[str]:
    from lockml.subjects.open import engine_of_environment

    with suppress(LockmlError):
        return engine_of_environment().image_names()
    return []


def _matching(words: Iterable[str], incomplete: str) -> "list[CompletionItem]":
    return [_item(word) for word in sorted(set(words)) if word.startswith(incomplete)]


def _item(value: str, *, type: str = "plain") -> "CompletionItem":  # noqa: A002 - click's word
    from click.shell_completion import CompletionItem

    return CompletionItem(value, type=type)
