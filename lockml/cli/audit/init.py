"""``lockml audit init``: write a commented fleet file."""

import re
import shlex
import tomllib
from pathlib import Path
from typing import Final

from lockml.cli.common.command import declare
from lockml.cli.common.files import read_file, write_files
from lockml.cli.common.options import option
from lockml.cli.common.terminal import note
from lockml.common.errors import InputError

__all__ = ["init"]

_TEMPLATE: Final = Path(__file__).with_name("fleet.toml")


_TABLE: Final = re.compile(r"^\[{1,2}[a-z.]+\]{1,2}$")


@declare(
    "init",
    short_help="Write a commented lockml.toml to start with.",
    examples=(
        ("lockml audit init", "Write a commented lockml.toml."),
        ("lockml audit init --append", "Add missing tables to an existing lockml.toml."),
        ("lockml audit init --fleet fleet.toml", "Write a file with another name."),
    ),
)
@option("--fleet", metavar="FILE", default="lockml.toml", show_default=True, help="The file to write; - prints it.")
@option("--append", is_flag=True, help="Add missing tables to an existing file.")
@option("--force", is_flag=True, help="Overwrite an existing file.")
def init(fleet: str, append: bool, force: bool) -> int:
    """Write a commented fleet file: targets, schedules, locks and notifications."""
    text = _TEMPLATE.read_text("utf-8")
    if append:
        return _append(fleet, text)
    if fleet != "-" and Path(fleet).exists() and not force:
        hint = f"add missing tables with `{shlex.join(['lockml', 'audit', 'init', '--append', '--fleet', fleet])}`"
        raise InputError(fleet, "exists already", hint=f"{hint}, or overwrite it with --force")
    write_files({fleet: text})
    if fleet != "-":
        note(f"{fleet} is written: name your targets in it, then run `lockml audit run`")
    return 0


def _append(fleet: str, template: str) -> int:
    """Add the parts of *template* whose tables the file *fleet* lacks."""
    content = read_file(fleet, hint="`lockml audit init` writes one")
    try:
        text = content.decode("utf-8")
        there = tomllib.loads(text).get("audit", {})
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(fleet, f"is not TOML: {error}", hint="correct it first") from error
    new = "\n\n".join(part for part in _parts(template) if not _has(there, text, part))
    joined = f"{text.rstrip()}\n\n{new}\n".lstrip() if new else text
    try:
        tomllib.loads(joined)
    except tomllib.TOMLDecodeError as error:  # an inline table [audit], which cannot be extended
        hint = (
            "write [audit] as a table of its own, or copy the tables that you need from `lockml audit init --fleet -`"
        )
        raise InputError(fleet, f"cannot be extended: {error}", hint=hint) from error
    if not new:
        note(f"{fleet} has every table already")
        return 0
    write_files({fleet: joined})
    note(f"{fleet} is complete: name your targets in it, then run `lockml audit run`")
    return 0


def _parts(template: str) -> list[str]:
    """Return the paragraphs of the template without its head, which describes the entire file."""
    return template.strip().split("\n\n")[1:]


def _has(audit: object, text: str, part: str) -> bool:
    """Say whether the table *audit* of *text* has the table that *part* begins, or *text* its commented example."""
    found = next((line for line in part.splitlines() if _TABLE.match(line.removeprefix("# "))), "")
    name = found.removeprefix("# ").strip("[]")
    if not isinstance(audit, dict) or found in text.splitlines():
        return True
    if name == "audit":
        return bool(audit)
    return name.split(".")[1] in audit or (name == "audit.targets.ignore" and "targets" in audit)
