"""``lockml completion``: print the completion script of a shell, and answer it.

The script of a shell (``completion.*`` beside this) runs lockml with the line up to the cursor in ``_LOCKML_LINE`` and
gets a row for each word: its kind, the word and its help, with tabs between. The kinds are *plain*, *open* (no space
after it), and *file* and *dir*, which the shell completes after the number of characters in the row.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lockml.cli.common.command import declare

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

__all__ = ["VARIABLE", "answer", "command"]

VARIABLE: Final = "_LOCKML_COMPLETE"
"""The variable that a shell sets to its name to ask for completions."""

_SECONDS: Final = 3.0  # seconds; users do not wait longer for a word
_SAFE: Final = re.compile(r"[\w.:/@+=,-]+", re.ASCII)  # characters without a meaning to any shell


@declare(
    "completion",
    short_help="Print the completion script of a shell.",
    examples=(
        (
            "lockml completion bash > ~/.local/share/bash-completion/completions/lockml",
            "Install it for bash, from the next shell on.",
        ),
        ("lockml completion zsh > ~/.zfunc/_lockml", "Install it for zsh, with ~/.zfunc in its fpath."),
    ),
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the script for SHELL to complete commands, options, files, containers, images and locked packages."""
    click.echo((Path(__file__).parent / f"completion.{shell}").read_text("utf-8"), nl=False)
    return 0


def answer(cli: click.Command, variables: Mapping[str, str]) -> None:
    """Print the words that complete the line in *variables*; be quick, and never print an error."""
    from threading import Timer

    late = Timer(_SECONDS, os._exit, (0,))
    late.daemon = True
    late.start()
    try:
        rows = list(_rows(cli, variables.get("_LOCKML_LINE", ""), variables.get("_LOCKML_BREAKS", "")))
    except (Exception, SystemExit):  # a shell in the middle of a line is no place for an error
        rows = []
    late.cancel()
    sys.stdout.write("".join(f"{row}\n" for row in rows))


def _rows(cli: click.Command, line: str, breaks: str) -> Iterator[str]:
    from click.shell_completion import ShellComplete, split_arg_string

    words = split_arg_string(line)
    word = words.pop() if words and not line[-1:].isspace() else ""
    items = ShellComplete(cli, {}, "lockml", VARIABLE).get_completions(words[1:], word)
    head = word[: word.index("=") + 1] if word.startswith("-") and "=" in word else ""
    cut = 0 if _in_quotes(line) else max((word.rfind(each) for each in ":=" if each in breaks), default=-1) + 1
    for item in items:
        row = _row(item, head, cut)
        if row:
            yield row


def _row(item: "CompletionItem", head: str, cut: int) -> str:
    """Return the row of *item* with *head* in front, without its first *cut* characters; "" for what is unsafe."""
    if item.type in ("file", "dir"):
        return f"{item.type}\t{max(0, len(head) + (item.skipped or 0))}"
    value = f"{head}{item.value}"
    if not _SAFE.fullmatch(value):
        return ""
    kind = "open" if value.endswith((":", "=")) else "plain"
    return f"{kind}\t{value[cut:]}\t{' '.join((item.help or '').split())}"


def _in_quotes(line: str) -> bool:
    return line.count('"') % 2 == 1 or line.count("'") % 2 == 1
