"""Edits that several rules share: add and remove options, remove commands and instructions."""

import re
from collections.abc import Sequence

from lockml.docker.dockerfile.model import Instruction
from lockml.docker.dockerfile.source import Source
from lockml.docker.installs.model import Install, Option
from lockml.docker.model import Edit
from lockml.docker.shell.model import Command

__all__ = ["add_option", "line_before", "remove_command", "remove_instruction", "remove_option", "require_hashes"]


def add_option(install: Install, option: str) -> tuple[Edit, ...]:
    """Return the edit that inserts *option* after the subcommand, () if the source cannot be edited there."""
    if not (install.command.exact and install.verb.whole):
        return ()
    return (Edit(start=install.verb.stop, stop=install.verb.stop, text=f" {option}"),)


def require_hashes(install: Install) -> tuple[Edit, ...]:
    """Return the edit that inserts ``--require-hashes`` before the files, () if the source cannot be edited."""
    if not (install.command.exact and install.files and install.files[0].whole):
        return add_option(install, "--require-hashes")
    start = install.files[0].start
    return (Edit(start=start, stop=start, text="--require-hashes "),)


def remove_option(source: Source, install: Install, option: Option) -> tuple[Edit, ...]:
    """Return the edit that removes *option* with the blanks before it, () if that is impossible."""
    if not (install.command.exact and option.whole):
        return ()
    start = option.start
    while start and source.text[start - 1] in " \t":
        start -= 1
    if start == option.start or source.text[start - 1] == "\n":
        start = option.start
    return (Edit(start=start, stop=option.stop, text=""),)


def remove_command(
    source: Source, command: Command, commands: Sequence[Command], instruction: Instruction
) -> tuple[Edit, ...]:
    """Return the edit that removes *command* from its RUN, () if that would change what the others do."""
    if not command.exact or command.depth:
        return ()
    if len(commands) == 1:
        return remove_instruction(source, instruction)
    position = next(number for number, each in enumerate(commands) if each is command)
    before = commands[position - 1] if position else None
    behind = commands[position + 1] if position + 1 < len(commands) else None
    if command.ended_by in ("&&", ";") and behind is not None and not behind.depth:
        start, stop = command.start, behind.start
    elif command.begun_by in ("&&", ";") and command.ended_by == "" and before is not None and not before.depth:
        start, stop = before.stop, command.stop
    else:
        return ()
    plain = re.sub(r"\\[ \t]*\r?\n", " ", source.text[start : min(stop, len(source.text))])
    rest = plain.replace(re.sub(r"\\[ \t]*\r?\n", " ", source.text[command.start : command.stop]), "", 1)
    if rest.strip() not in ("&&", ";"):
        return ()
    return (Edit(start=start, stop=stop, text=""),)


def remove_instruction(source: Source, instruction: Instruction) -> tuple[Edit, ...]:
    """Return the edit that removes *instruction* with its lines, () if it contains a comment."""
    text = source.text[instruction.start : instruction.stop]
    if re.search(r"(?m)^[ \t]*#", text):
        return ()
    stop = instruction.stop
    for end in ("\r", "\n"):
        stop += source.text.startswith(end, stop)
    return (Edit(start=_line_start(source, instruction), stop=stop, text=""),)


def _line_start(source: Source, instruction: Instruction) -> int:
    return source.text.rfind("\n", 0, instruction.start) + 1


def line_before(source: Source, instruction: Instruction, text: str) -> Edit:
    """Return the edit that inserts the line *text* before *instruction*."""
    start = _line_start(source, instruction)
    return Edit(start=start, stop=start, text=text + source.newline)
