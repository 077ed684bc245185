"""``lockml check``: a lock and a container, an image or a folder in; how they differ out."""

import os
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import click

from lockml.cli.locks import read_lock
from lockml.cli.options import option
from lockml.cli.terminal import wants_colour
from lockml.drift.compare import compare
from lockml.drift.model import LEVELS, Level
from lockml.errors import InputError
from lockml.inventory.sources.container import open_container
from lockml.inventory.sources.engine import Engine, EngineAddress
from lockml.inventory.sources.image import open_image
from lockml.inventory.sources.opened import OpenedSubject
from lockml.inventory.sources.path import open_path
from lockml.inventory.take import take_inventory
from lockml.report.json import format_json
from lockml.report.text import format_text

__all__ = ["command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run, as given."""

    container: str | None
    image: str | None
    path: str | None
    environment: str | None
    lock: str
    level: Level
    format: Literal["text", "json"]


@click.command("check", short_help="Compare a container, an image or a folder with the lock.")
@option("--container", metavar="NAME", help="A container of the engine, running or not.")
@option("--image", metavar="REF", help="An image that the engine has.")
@option("--path", metavar="DIR", help="A virtual environment, or the root of a file system.")
@option("--environment", metavar="PREFIX", show_default="that of its python", help="The Python environment in it.")
@option("--lock", default="pylock.toml", show_default=True, help="The lock (PEP 751); - reads standard input.")
@option(
    "--level",
    type=click.Choice(LEVELS),
    default="artifacts",
    show_default=True,
    help="names: versions and sources.  artifacts: also that the locked wheels are what is installed.",
)
@option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to tell.")
def command(**options: object) -> int:
    """Tell how a container, an image or a folder differs from the lock.

    Nothing of it is run or changed, and no network is needed: the engine is asked over its socket (DOCKER_HOST).
    Exit codes: 0 in order, 1 drift, 2 wrong usage or input, 4 not reachable or incomplete.
    """
    return _run(_Settings(**options))  # type: ignore[arg-type]  # click checked each of them


def _run(settings: _Settings) -> int:
    lock = read_lock(settings.lock)
    with _open(settings) as opened:
        inventory = take_inventory(
            opened.tree, opened.subject, opened.runtime, prefix=settings.environment or opened.prefix
        )
    report = compare(lock, inventory, level=settings.level, file=settings.lock)
    if settings.format == "json":
        sys.stdout.write(format_json(report))
    else:
        sys.stdout.write(format_text(report, colour=wants_colour(sys.stdout)))
    return report.exit_code


def _open(settings: _Settings) -> AbstractContextManager[OpenedSubject]:
    given = [name for name in ("container", "image", "path") if getattr(settings, name) is not None]
    if len(given) != 1:
        named = "--container, --image and --path" if not given else " and ".join(f"--{name}" for name in given)
        raise InputError(named, "give exactly one of them", hint="for example: lockml check --container NAME")
    if settings.path is not None:
        return open_path(settings.path)
    engine = Engine(EngineAddress.from_environment(os.environ))
    if settings.container is not None:
        return open_container(engine, settings.container)
    return open_image(engine, settings.image or "")
