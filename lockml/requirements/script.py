"""Text of a Python script in, the requirements of its inline metadata block out (PEP 723)."""

import re
import tomllib
from typing import Final

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.model import Origin, Requirement, RequirementSet
from lockml.requirements.python_bound import parse_python_bound
from lockml.requirements.requirements_txt import parse_requirement

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
    return RequirementSet(requirements=_parse_all(texts, file, lines, first), pythons=pythons)


def _parse_all(texts: list[str], file: str, lines: list[str], first: int) -> tuple[Requirement, ...]:
    requirements: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    for text in texts:
        line = next(
            (first + number for number, row in enumerate(lines) if f'"{text}"' in row or f"'{text}'" in row), None
        )
        try:
            requirements.append(parse_requirement(text, Origin(file=file, line=line)))
        except RequirementError as error:
            faults.extend(error.faults)
    if faults:
        raise RequirementError(tuple(faults))
    return tuple(requirements)
