"""A Jupyter notebook in, the requirements of its ``%pip install`` lines out (nbformat 4)."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.model import Origin, RequirementSet
from lockml.requirements.requirements_txt import EMPTY, ReadFile, no_other_file, read_requirement_lines

__all__ = ["read_notebook"]

_INSTALL: Final = re.compile(
    r"\s*[%!]\s*(?:(?:python[\d.]*|\{sys\.executable\})\s+-m\s+)?(?:uv\s+)?pip3?\s+install\s+(?P<words>.+)"
)
_WITHOUT_EFFECT: Final = frozenset(
    {"-q", "-qq", "-U", "-y", "--quiet", "--upgrade", "--user", "--no-cache-dir", "--no-input", "--progress-bar=off"}
)


_WITH_VALUE: Final = frozenset(
    {
        *("-r", "--requirement", "-c", "--constraint", "-e", "--editable", "-f", "--find-links"),
        *("-i", "--index-url", "--extra-index-url", "--no-binary", "--only-binary", "--trusted-host"),
    }
)
_INDEX: Final = ("-i ", "--index-url ")
_ALONE: Final = frozenset({"--pre", "--no-index", "--prefer-binary", "--require-hashes"})


def read_notebook(
    content: bytes, file: str, *, read: ReadFile = no_other_file, environment: Mapping[str, str] = EMPTY
) -> RequirementSet:
    """Return what the code cells install; lines are counted from 1 over the source of all code cells.

    Options of an install line count for all, but that an ``--index-url`` of some lines is asked before the index of the
    others. Raises InputError for what is no notebook, RequirementError with every line that cannot be used.
    """
    installs: list[tuple[int, list[str]]] = []
    faults: list[tuple[str, str]] = []
    for number, line in enumerate(_code_lines(content, file), 1):
        match = _INSTALL.fullmatch(line)
        try:
            if match is not None:
                installs.append((number, _lines(match["words"], Origin(file=file, line=number))))
        except RequirementError as error:
            faults.extend(error.faults)
    lines = [(number, text) for number, texts in _one_index(installs) for text in texts]
    try:
        asked = read_requirement_lines(lines, file, read=read, environment=environment)
    except RequirementError as error:
        raise RequirementError(tuple(sorted((*faults, *error.faults)))) from error
    if faults:
        raise RequirementError(tuple(faults))
    return asked


def _code_lines(content: bytes, file: str) -> list[str]:
    try:
        cells = json.loads(content)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(file, "is not a notebook (nbformat 4)") from error
    return [line for source in sources for line in source.splitlines()]


def _lines(text: str, origin: Origin) -> list[str]:
    """Return the words of an install line as lines of a requirement file, each option with its value."""
    try:
        words = [word for word in shlex.split(text, comments=True) if word not in _WITHOUT_EFFECT]
    except ValueError as error:
        raise RequirementError(((str(origin), f"{text!r} cannot be read: {error}"),)) from error
    lines: list[str] = []
    waiting = ""
    for word in words:
        option, equals, value = word.partition("=")
        if waiting:
            lines.append(_option(waiting, word))
            waiting = ""
        elif word in _WITH_VALUE:
            waiting = word
        elif option in _WITH_VALUE and equals:
            lines.append(_option(option, value))
        elif word.startswith("-") and word not in _ALONE:
            raise RequirementError(((str(origin), f"option {word!r} of an install line is not supported"),))
        else:
            lines.append(word)
    if waiting:
        raise RequirementError(((str(origin), f"option {waiting!r} has no value"),))
    return lines


def _option(name: str, value: str) -> str:
    return f"{name} {value}" if name in ("-e", "--editable") else f"{name} {shlex.quote(value)}"


def _one_index(installs: Sequence[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield *installs* with the index of some lines beside that of the others, which pip asks line by line."""
    named = [[text.partition(" ")[2] for text in texts if text.startswith(_INDEX)] for _, texts in installs]
    alike = len({tuple(each) for each in named}) <= 1
    for number, texts in installs:
        yield number, texts if alike else [re.sub(r"^(-i|--index-url) ", "--extra-index-url ", text) for text in texts]
