"""``lockml diff``: two locks in, what changed out."""

import json
from typing import Any

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_files
from lockml.cli.common.lock_options import choice_options, take_choice
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.common.display import escape
from lockml.common.errors import InputError
from lockml.lock.model import Choice
from lockml.lock.queries.difference import Change, compare_locks
from lockml.lock.select import with_choice

__all__ = ["command"]


@declare(
    "diff",
    short_help="Tell what changed between two locks.",
    examples=(
        ("lockml diff HEAD~1:pylock.toml", "What changed since the last commit."),
        ("lockml diff uv.lock pylock.toml", "Two locks of two tools."),
    ),
)
@click.argument("old", shell_complete=complete_files)
@click.argument("new", default="pylock.toml", shell_complete=complete_files)
@choice_options
@option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to tell.")
def command(old: str, new: str, form: str, **given: Any) -> int:
    """Tell what changed from the lock OLD to NEW; REVISION:FILE, as in HEAD~1:pylock.toml, reads one from git.

    Exits 0 also where they differ.
    """
    choice = take_choice(given)
    locks = [(name, read_lock(name)) for name in (old, new)]
    if choice != Choice() and not any(lock.format for _, lock in locks):
        raise InputError(new, "has the extras and groups that it was compiled with", hint="compare it without options")
    before, after = (with_choice(lock, choice, name) if lock.format else lock for name, lock in locks)
    changes = compare_locks(before, after)
    if form == "json":
        click.echo(json.dumps({"schema": "lockml/diff/1", "changes": list(map(_table, changes))}, indent=2))
        return 0
    for change in changes:
        click.echo(escape(f"{change.kind:10} {_line(change)}"))
    if not changes:
        click.echo("no package changed")
    return 0


def _table(change: Change) -> dict[str, str | None]:
    return {"kind": change.kind, "name": change.name, "before": change.before, "after": change.after}


def _line(change: Change) -> str:
    if change.kind == "files":
        return f"{change.name} {change.after}: the same version with other files"
    versions = [version for version in (change.before, change.after) if version is not None]
    return f"{change.name} {' -> '.join(versions)}"
