"""``lockml dockerfile``: write Docker files for a lock, and lint existing ones."""

import importlib
from typing import Final

import click

from lockml.cli.common.options import name_variables

__all__ = ["command"]

_COMMANDS: Final = {
    "init": ("init", "Write a Dockerfile and a .dockerignore for the lock."),
    "check": ("check", "Show which step of a Dockerfile brought each drift of an image."),
    "lint": ("lint", "Lint and fix Dockerfiles and Compose files."),
}


class _Lazy(click.Group):
    """A group that imports a subcommand only when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in _COMMANDS:
            return None
        module = importlib.import_module(f"lockml.cli.dockerfile.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        name_variables(command, "dockerfile", cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group("dockerfile", cls=_Lazy, short_help="Write, lint and fix Docker files.")
def command() -> None:
    """Write Docker files that install the lock, and lint existing ones for installs that bypass it."""
