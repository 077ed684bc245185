"""``lockml completion``: the name of a shell in, what makes it complete lockml's words out."""

import click

from lockml.cli.common.command import declare

__all__ = ["command"]

_VARIABLE = "_LOCKML_COMPLETE"


@declare(
    "completion",
    short_help="Print what makes a shell complete lockml.",
    examples=(
        (
            "lockml completion bash > ~/.local/share/bash-completion/completions/lockml",
            "For bash, from the next shell on.",
        ),
        ("lockml completion zsh > ~/.zfunc/_lockml", "For zsh, with ~/.zfunc in its fpath."),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script that makes SHELL complete commands, options, files, containers, images and locked packages."""
    from click.shell_completion import get_completion_class

    from lockml.cli.main import cli

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"{shell} is not known")
    click.echo(kind(cli, {}, "lockml", _VARIABLE).source())
    return 0
