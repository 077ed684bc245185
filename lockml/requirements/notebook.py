"""Reads the requirements of the ``%pip install`` lines of a Jupyter notebook (nbformat 4)."""

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
    r"\s*(?:sudo\s+(?:-\S+\s+)*)?(?:[A-Za-z_]\w*=\S*\s+)*"
    r"(?:(?:python[\d.]*|(?P<quote>[\"']?)\{sys\.executable\}(?P=quote))\s+-m\s+)?(?:uv\s+)?pip[\d.]*\s+(?:-\S+\s+)*install\s+"
    r"(?P<words>.+)"
)
_ESCAPE: Final = re.compile(r"\s*(?:%(?!%)|!)\s*(?P<command>.+)")
_SHELL_CELL: Final = re.compile(r"\s*%%(?:bash|sh|script\s+(?:ba)?sh)\b")
_COMMAND: Final = re.compile(
    r"""(?:[^"'\\;&|]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["']|(?<=>)&|&(?=>))+"""
)  # between ; && || |
_REDIRECTION: Final = re.compile(r"(?:\d*|&)(?:>>?|<)(?P<place>(?!=).*)")
_WITHOUT_EFFECT: Final = frozenset(
    {
        *("-y", "-I", "--quiet", "--verbose", "--upgrade", "--user", "--system", "--no-cache-dir", "--no-cache"),
        *("--no-input", "--progress-bar", "--root-user-action", "--timeout", "--default-timeout", "--retries"),
        *("--upgrade-strategy", "--break-system-packages", "--force-reinstall", "--ignore-installed"),
        *("--disable-pip-version-check", "--no-warn-script-location", "--no-python-version-warning"),
    }
)
_VALUE_WITHOUT_EFFECT: Final = frozenset(
    {"--progress-bar", "--root-user-action", "--timeout", "--default-timeout", "--retries", "--upgrade-strategy"}
)
_SHORT_WITHOUT_EFFECT: Final = re.compile(r"-[qUv]+")


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
        try:
            for words in _installs(line):
                installs.append((number, _lines(words, Origin(file=file, line=number))))
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
    return [line for source in sources for line in _joined(source)]


def _joined(source: str) -> Iterator[str]:
    """Yield each line of a cell, one that is continued whole, then empty ones; of a shell's cell as ``!`` has it."""
    shell = _SHELL_CELL.match(source) is not None
    waiting: list[str] = []
    for line in source.splitlines():
        if line.endswith("\\") and (waiting or shell or _ESCAPE.match(line)):
            waiting.append(line[:-1])
            continue
        whole = "".join([*waiting, line])
        yield f"!{whole}" if shell and not whole.startswith("%") else whole
        yield from [""] * len(waiting)
        waiting = []
    yield from waiting


def _installs(line: str) -> Iterator[str]:
    """Yield what follows ``pip install`` in each command of a line for the shell."""
    escaped = _ESCAPE.fullmatch(line)
    for command in _COMMAND.findall(re.sub(r"(^|\s)#.*", "", escaped["command"])) if escaped else ():
        install = _INSTALL.fullmatch(command)
        if install is not None:
            yield install["words"]


def _lines(text: str, origin: Origin) -> list[str]:
    """Return the words of an install line as lines of a requirement file, each option with its value."""
    try:
        words = _without_redirections(shlex.split(text, comments=True))
    except ValueError as error:
        raise RequirementError(((str(origin), f"{text!r} cannot be read: {error}"),)) from error
    lines: list[str] = []
    waiting = ""
    for word in words:
        option, equals, value = word.partition("=")
        if waiting:
            lines += [] if waiting in _VALUE_WITHOUT_EFFECT else [_option(waiting, word)]
            waiting = ""
        elif word in _WITH_VALUE or word in _VALUE_WITHOUT_EFFECT:
            waiting = word
        elif option in _WITHOUT_EFFECT or _SHORT_WITHOUT_EFFECT.fullmatch(word):
            continue
        elif option in _WITH_VALUE and equals:
            lines.append(_option(option, value))
        elif word.startswith("-") and word not in _ALONE:
            raise RequirementError(((str(origin), f"option {word!r} of an install line is not supported"),))
        else:
            lines.append(word)
    if waiting:
        raise RequirementError(((str(origin), f"option {waiting!r} has no value"),))
    return lines


def _without_redirections(words: Sequence[str]) -> Iterator[str]:
    """Yield *words* without ``> file`` and ``2>&1``; ``numpy>=1`` without quotes is taken for what it should be."""
    rest = iter(words)
    for word in rest:
        redirection = _REDIRECTION.fullmatch(word)
        if redirection is None:
            yield word
        elif not redirection["place"]:
            next(rest, None)


def _option(name: str, value: str) -> str:
    return f"{name} {value}" if name in ("-e", "--editable") else f"{name} {shlex.quote(value)}"


def _one_index(installs: Sequence[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield *installs* with the index of some lines beside that of the others, which pip asks line by line."""
    named = [[text.partition(" ")[2] for text in texts if text.startswith(_INDEX)] for _, texts in installs]
    alike = len({tuple(each) for each in named}) <= 1
    for number, texts in installs:
        yield number, texts if alike else [re.sub(r"^(-i|--index-url) ", "--extra-index-url ", text) for text in texts]
