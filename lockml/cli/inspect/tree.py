"""``lockml tree``: print the dependency tree of a lock."""

from typing import Any

import click

from lockml.cli.common.command import declare
from lockml.cli.common.completion import complete_packages
from lockml.cli.common.lock_options import LOCK_HELP, choice_options, take_choice
from lockml.cli.common.options import option
from lockml.cli.common.read_lock import read_lock
from lockml.cli.inspect.locked_names import parse_names
from lockml.common.display import escape, redact
from lockml.lock.queries.graph import LockGraph

__all__ = ["command"]


@declare(
    "tree",
    short_help="Show the packages of a lock as a tree.",
    examples=(
        ("lockml tree --depth 1", "Show your requirements and their direct dependencies."),
        ("lockml tree numpy --reverse", "Show what needs numpy."),
        ("lockml tree --lock poetry.lock --group train", "Show another lock, with a group."),
    ),
)
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_packages)
@option("--lock", default="pylock.toml", show_default=True, help=LOCK_HELP)
@choice_options
@option("--depth", type=click.IntRange(min=0), show_default="all", help="How many levels to show.")
@option("--reverse", is_flag=True, help="Show what needs each package.")
def command(lock: str, names: tuple[str, ...], **given: Any) -> int:
    """Show the packages of the lock as a tree, with your requirements on top; (*) marks subtrees shown above.

    With NAMES, show only the trees of those.
    """
    graph = LockGraph(read_lock(lock, take_choice(given)))
    wanted = parse_names(names, graph, lock)
    tree = graph.reverse_tree if given["reverse"] else graph.tree
    for branch in tree(wanted, depth=given["depth"]):
        origins = ", ".join(f"{each.requirement} ({each.origin})" for each in branch.asked)
        marks = f"{'  <- ' + origins if origins else ''}{' (*)' if branch.shown_before else ''}"
        click.echo(escape(redact(f"{'  ' * branch.depth}{branch.name} {branch.version}{marks}")))
    return 0
