"""``lockml audit init``: nothing in; a commented fleet file to begin with out."""

from pathlib import Path
from typing import Final

from lockml.cli.common.command import declare
from lockml.cli.common.files import write_files
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.common.errors import InputError

__all__ = ["init"]

_TEMPLATE: Final = Path(__file__).with_name("fleet.toml")


@declare(
    "init",
    short_help="Write a commented lockml.toml to begin with.",
    examples=(
        ("lockml audit init", "Write a commented lockml.toml."),
        ("lockml audit init --fleet fleet.toml", "Under another name."),
    ),
)
@option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The file to write; - prints it.")
@option("--force", is_flag=True, help="Write over a file that is there.")
def init(fleet: str, force: bool) -> int:
    """Write a commented fleet file: what is audited, when, against which lock, and who is told."""
    text = _TEMPLATE.read_text("utf-8")
    if fleet != "-" and Path(fleet).exists() and not force:
        hint = f"add to it by `lockml audit init --fleet - >> {fleet}`, or write over it with --force"
        raise InputError(fleet, "is there already", hint=hint)
    write_files({fleet: text})
    if fleet != "-":
        note(f"{fleet} is written: name your targets in it, then try `lockml audit run`")
    return 0
