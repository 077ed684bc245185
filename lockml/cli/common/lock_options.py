"""The options for extras and groups of a lock, the same in every command that reads one."""

from collections.abc import Callable
from typing import Any, TypeVar

from lockml.cli.common.options import option
from lockml.lock.model import Choice

__all__ = ["LOCK_HELP", "choice_options", "take_choice"]

_F = TypeVar("_F", bound=Callable[..., Any])
LOCK_HELP = "Lock file, of lockml or another tool; REVISION:FILE reads it from git."
_NAMES = ("extra", "all_extras", "group", "no_group", "all_groups", "no_default_groups")


def choice_options(command: _F) -> _F:
    """Add the options for extras and groups to *command*."""
    for each in reversed(
        (
            option("--extra", metavar="NAME", multiple=True, help="Include this extra of the project."),
            option("--all-extras", is_flag=True, help="Include all extras."),
            option("--group", metavar="NAME", multiple=True, help="Include this dependency group."),
            option("--no-group", metavar="NAME", multiple=True, help="Exclude a group that is included by default."),
            option("--all-groups", is_flag=True, help="Include all groups."),
            option("--no-default-groups", is_flag=True, help="Exclude the groups that the tool installs by default."),
        )
    ):
        command = each(command)
    return command


def take_choice(options: dict[str, Any]) -> Choice:
    """Remove the options of `choice_options` from *options*, and return the choice."""
    given = {name: options.pop(name) for name in _NAMES}
    return Choice(
        extras=frozenset(given["extra"]),
        all_extras=given["all_extras"],
        groups=frozenset(given["group"]),
        without_groups=frozenset(given["no_group"]),
        all_groups=given["all_groups"],
        default_groups=not given["no_default_groups"],
    )
