"""Reads the requirements of the inline metadata block of a Python script (PEP 723)."""

import re
import tomllib
from typing import Final

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.model import RequirementSet
from lockml.requirements.other_tools import parse_quoted
from lockml.requirements.python_bound import parse_python_bound

__all__ = ["read_script"]

_BLOCK: Final = re.compile(r"^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", re.MULTILINE)


def read_script(content: bytes, file: str) -> RequirementSet:
    """Return what the ``script`` block asks for, and the Pythons that it runs on.

    Raises InputError for a script without a block or with two.
    """
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise InputError(file, f"is not UTF-8 ({error.reason} at byte {error.start})") from error
    blocks = [match for match in _BLOCK.finditer(text) if match["type"] == "script"]
    if len(blocks) != 1:
        problem = "has no script block" if not blocks else f"has {len(blocks)} script blocks"
        raise InputError(file, problem, hint="a block begins with `# /// script` and ends with `# ///` (PEP 723)")
    lines = [line.removeprefix("# ").removeprefix("#") for line in blocks[0]["content"].splitlines()]
    first = text.count("\n", 0, blocks[0].start("content")) + 1
    try:
        table = tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        raise InputError(file, f"the script block is not TOML: {error}") from error
    texts = table.get("dependencies", [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise InputError(file, "dependencies of the script block is not a list of strings")
    pythons = parse_python_bound(table.get("requires-python"), file, lines, first)
    requirements, faults = parse_quoted(texts, file, lines, first)
    if faults:
        raise RequirementError(tuple(faults))
    return RequirementSet(requirements=tuple(requirements), pythons=pythons)
