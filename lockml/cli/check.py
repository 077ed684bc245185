"""``lockml check``: a lock and a subject in; how they differ out."""

import sys
from dataclasses import dataclass
from typing import Literal

import click

from lockml.cli.locks import read_lock
from lockml.cli.options import option
from lockml.cli.subjects import SubjectOptions, open_subject, subject_options
from lockml.cli.terminal import wants_colour
from lockml.drift.compare import compare
from lockml.drift.model import LEVELS, Level
from lockml.inventory.sources.saved import SavedOptions
from lockml.inventory.take import take_inventory
from lockml.lock.model import Lock
from lockml.report.json import format_json
from lockml.report.text import format_text

__all__ = ["command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """The options of one run beside its subject, as given."""

    lock: str
    level: Level
    format: Literal["text", "json"]


@click.command("check", short_help="Compare a container, an image or a folder with the lock.")
@subject_options
@option("--lock", default="pylock.toml", show_default=True, help="The lock (PEP 751); - reads standard input.")
@option(
    "--level",
    type=click.Choice(LEVELS),
    default="artifacts",
    show_default=True,
    help="names: versions and sources.  artifacts: also that the locked wheels are what is installed.  "
    "files: also every byte of every file that Python can import.",
)
@option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to tell.")
def command(**options: object) -> int:
    """Tell how a container, an image, a process or a folder differs from the lock.

    Nothing of it is run or changed, and no network is needed: the engine is asked over its socket (DOCKER_HOST).
    Exit codes: 0 in order, 1 drift, 2 wrong usage or input, 4 not reachable or incomplete.
    """
    named = {field: options.pop(field) for field in SubjectOptions.__dataclass_fields__}
    # click checked each of them
    return _run(_Settings(**options), SubjectOptions(**named))  # type: ignore[arg-type]


def _run(settings: _Settings, named: SubjectOptions) -> int:
    lock = read_lock(settings.lock)
    files = settings.level == "files"
    with open_subject(named, SavedOptions(platforms=_platforms(lock), hashed=files)) as opened:
        prefix = named.environment or opened.prefix
        inventory = take_inventory(opened.tree, opened.subject, opened.runtime, prefix=prefix, files=files)
    report = compare(lock, inventory, level=settings.level, file=settings.lock)
    if settings.format == "json":
        sys.stdout.write(format_json(report))
    else:
        sys.stdout.write(format_text(report, colour=wants_colour(sys.stdout)))
    return report.exit_code


def _platforms(lock: Lock) -> tuple[str, ...]:
    """Return the platforms that the lock serves, in its order; those of an image with several are looked at."""
    return tuple(dict.fromkeys(str(target.platform) for target in lock.targets)) or SavedOptions().platforms
