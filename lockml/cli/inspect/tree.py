"""``lockml tree``: a lock in, the tree of its packages out."""

import click

from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.common.display import escape
from lockml.lock.graph import LockGraph

__all__ = ["command"]


@click.command("tree", short_help="Show what needs what.")
@option("--lock", default="pylock.toml", show_default=True, help="The lock; REVISION:FILE reads it from git.")
def command(lock: str) -> int:
    """Show the packages of the lock as a tree, your requirements on top; (*) marks what was opened further up."""
    for branch in LockGraph(read_lock(lock)).tree():
        origins = ", ".join(f"{each.requirement} ({each.origin})" for each in branch.asked)
        marks = f"{'  <- ' + origins if origins else ''}{' (*)' if branch.shown_before else ''}"
        click.echo(escape(f"{'  ' * branch.depth}{branch.name} {branch.version}{marks}"))
    return 0
