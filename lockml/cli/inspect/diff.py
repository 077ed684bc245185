"""``lockml diff``: compare two locks, two subjects, or a subject with a lock."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files, complete_subjects
from lockml.cli.common.lock_options import choice_options, take_choice
from lockml.cli.common.options import cache_folder_option, option
from lockml.cli.common.read_lock import names_revision, read_lock
from lockml.common.errors import InputError
from lockml.drift.differences.model import Difference, PackageChange, Side
from lockml.drift.model import LEVELS, Level
from lockml.lock.model import Choice
from lockml.lock.queries.difference import compare_locks
from lockml.lock.select import with_choice

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["command"]


def _complete(context: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """Propose KIND:NAME and files; a bare name is a file."""
    named = [
        each for each in complete_subjects(context, param, incomplete) if ":" in each.value or each.type != "plain"
    ]
    return named if ":" in incomplete else [*named, *complete_files(context, param, incomplete)]


@declare(
    "diff",
    short_help="Compare two locks, two images, or a container with its image.",
    examples=(
        ("lockml diff HEAD~1:pylock.toml", "Show changes in the lock since the last commit."),
        ("lockml diff image:train:6 image:train:7", "Compare two images by name, by bytes and by file."),
        ("lockml diff image:train:7 container:trainer", "Show what a container changed in its image."),
    ),
)
@click.argument("before", metavar="BEFORE", shell_complete=_complete)
@click.argument("after", metavar="[AFTER]", default="pylock.toml", shell_complete=_complete)
@choice_options
@option(
    "--environment",
    metavar="PREFIX",
    show_default="that of its python command",
    help="Python environment to use in both.",
)
@option(
    "--platform",
    metavar="OS/ARCH",
    default="linux/amd64",
    show_default=True,
    help="Which image of a multi-platform one to use.",
)
@option(
    "--level",
    type=click.Choice(LEVELS),
    show_default="files; with a lock as in check",
    help="names: versions and sources.  artifacts: also RECORDs.  files: also every byte.",
)
@option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="Output format.",
)
@option("--full", is_flag=True, help="List every file instead of a few per package.")
@option("--exit-code", is_flag=True, help="Exit 1 if they differ.")
@option("--cache/--no-cache", default=True, show_default=True, help="Cache layers and the hashes of image files.")
@cache_folder_option
def command(**given: Any) -> int:
    """Show what changed from BEFORE to AFTER: locks, or subjects as KIND:NAME, such as image:REF or container:NAME.

    A lock is a file, or REVISION:FILE of git, such as HEAD~1:pylock.toml. A subject is compared with a lock as
    `lockml check` does. Exit codes: 0 compared, 1 different (with --exit-code), 2 wrong usage or input, 4 unreachable
    or incomplete.
    """
    before, after, form = given["before"], given["after"], given["form"]
    difference = _compared(before, after, take_choice(given), given)
    sys.stdout.write(_formatted(difference, form, full=given["full"]))
    if given["exit_code"] and difference.different:
        return 1
    return 4 if difference.problems else 0


def _compared(before: str, after: str, choice: Choice, given: dict[str, Any]) -> Difference:
    from lockml.cli.inspect.subject_diff import DiffSettings, compare_named, compare_with_lock, names_subject

    subjects = (names_subject(before), names_subject(after))
    level: Level | None = given["level"]
    if not any(subjects):
        if level not in (None, "names"):
            raise InputError(
                f"--level {level}",
                "cannot be used with two locks, which are compared by name and by the hashes of their files",
            )
        return _locks(before, after, choice)
    cache_dir: Path = given["cache_dir"]
    settings = DiffSettings(
        level=level,
        environment=given["environment"],
        platform=given["platform"],
        full=given["full"],
        cache=given["cache"],
        cache_dir=cache_dir,
        choice=choice,
    )
    if all(subjects):
        return compare_named(before, after, settings)
    lock_first = subjects[1]
    subject, lock = (after, before) if lock_first else (before, after)
    if lock != "-" and not names_revision(lock) and not os.path.exists(lock):  # noqa: PTH110 - a Path raises for a long name
        raise InputError(lock, "no such file", hint=f"for a container, write container:{lock}")
    return compare_with_lock(subject, lock, settings, lock_first=lock_first)


def _locks(old: str, new: str, choice: Choice) -> Difference:
    hint = "a lock is a file; a subject is KIND:NAME, such as image:train:7 or container:trainer"
    locks = [(name, read_lock(name, hint=hint)) for name in (old, new)]
    if choice != Choice() and not any(lock.format for _, lock in locks):
        raise InputError(new, "has the extras and groups that it was compiled with", hint="remove these options")
    before, after = (with_choice(lock, choice, name) if lock.format else lock for name, lock in locks)
    changes = compare_locks(before, after)
    return Difference(
        before=Side(name=f"lock {old}"),
        after=Side(name=f"lock {new}"),
        level="names",
        packages=tuple(
            PackageChange(kind=each.kind, name=each.name, before=each.before, after=each.after) for each in changes
        ),
    )


def _formatted(difference: Difference, form: str, *, full: bool) -> str:
    if form == "json":
        from lockml.report.difference.json import format_json

        return format_json(difference)
    if form == "markdown":
        from lockml.report.difference.markdown import format_markdown

        return format_markdown(difference, full=full)
    from lockml.report.difference.text import format_text

    return format_text(difference, full=full)
