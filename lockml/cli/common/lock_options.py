"""The options that choose extras and groups of a lock, the same for every command that reads one."""

from collections.abc import Callable
from typing import Any, TypeVar

from lockml.cli.common.options import option
from lockml.lock.model import Choice

__all__ = ["LOCK_HELP", "choice_options", "take_choice"]

_F = TypeVar("_F", bound=Callable[..., Any])
LOCK_HELP = "The lock, of lockml or another tool; REVISION:FILE reads it from git."
_NAMES = ("extra", "all_extras", "group", "no_group", "all_groups", "no_default_groups")


def choice_options(command: _F) -> _F:
    """Give *command* the options that choose extras and groups."""
    for each in reversed(
        (
            option("--extra", metavar="NAME", multiple=True, help="Also an extra of the lock's project; repeat it."),
            option("--all-extras", is_flag=True, help="All its extras."),
            option("--group", metavar="NAME", multiple=True, help="Also a dependency group of the lock; repeat it."),
            option("--no-group", metavar="NAME", multiple=True, help="Without a group that is there by default."),
            option("--all-groups", is_flag=True, help="All its groups."),
            option("--no-default-groups", is_flag=True, help="Without the groups that its tool installs by default."),
        )
    ):
        command = each(command)
    return command


def take_choice(options: dict[str, Any]) -> Choice:
    """Take what `choice_options` read out of *options*, and return it."""
    given = {name: options.pop(name) for name in _NAMES}
    return Choice(
        extras=frozenset(given["extra"]),
        all_extras=given["all_extras"],
        groups=frozenset(given["group"]),
        without_groups=frozenset(given["no_group"]),
        all_groups=given["all_groups"],
        default_groups=not given["no_default_groups"],
    )
