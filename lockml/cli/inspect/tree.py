"""``lockml tree``: a lock in, the tree of its packages out."""

from typing import Any

import click

from lockml.cli.common.command import declare
from lockml.cli.common.lock_options import LOCK_HELP, choice_options, take_choice
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.common.display import escape
from lockml.lock.queries.graph import LockGraph

__all__ = ["command"]


@declare(
    "tree",
    short_help="Show what needs what.",
    examples=(
        ("lockml tree", "The packages of pylock.toml."),
        ("lockml tree --lock poetry.lock --group train", "Of another lock, with a group."),
    ),
)
@option("--lock", default="pylock.toml", show_default=True, help=LOCK_HELP)
@choice_options
def command(lock: str, **given: Any) -> int:
    """Show the packages of the lock as a tree, your requirements on top; (*) marks what was opened further up."""
    for branch in LockGraph(read_lock(lock, take_choice(given))).tree():
        origins = ", ".join(f"{each.requirement} ({each.origin})" for each in branch.asked)
        marks = f"{'  <- ' + origins if origins else ''}{' (*)' if branch.shown_before else ''}"
        click.echo(escape(f"{'  ' * branch.depth}{branch.name} {branch.version}{marks}"))
    return 0
