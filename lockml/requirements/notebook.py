"""A Jupyter notebook in, the requirements of its ``%pip install`` lines out (nbformat 4)."""

import json
import re
import shlex
from typing import Final

from lockml.common.errors import InputError, RequirementError
from lockml.requirements.model import Origin, Requirement, RequirementSet
from lockml.requirements.requirements_txt import parse_requirement

__all__ = ["read_notebook"]

_INSTALL: Final = re.compile(
    r"\s*[%!]\s*(?:(?:python[\d.]*|\{sys\.executable\})\s+-m\s+)?(?:uv\s+)?pip3?\s+install\s+(?P<words>.+)"
)
_WITHOUT_EFFECT: Final = frozenset(
    {"-q", "-qq", "-U", "-y", "--quiet", "--upgrade", "--user", "--no-cache-dir", "--no-input", "--progress-bar=off"}
)


def read_notebook(content: bytes, file: str) -> RequirementSet:
    """Return what the code cells install; lines are counted from 1 over the source of all code cells.

    Raises InputError for what is no notebook, RequirementError with every line that cannot be used.
    """
    try:
        cells = json.loads(content)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(file, "is not a notebook (nbformat 4)") from error
    requirements: list[Requirement] = []
    faults: list[tuple[str, str]] = []
    for number, line in enumerate((line for source in sources for line in source.splitlines()), 1):
        match = _INSTALL.fullmatch(line)
        if match is None:
            continue
        origin = Origin(file=file, line=number)
        try:
            requirements += [parse_requirement(word, origin) for word in _words(match["words"], origin)]
        except RequirementError as error:
            faults.extend(error.faults)
    if faults:
        raise RequirementError(tuple(faults))
    return RequirementSet(requirements=tuple(requirements))


def _words(text: str, origin: Origin) -> list[str]:
    try:
        words = [word for word in shlex.split(text, comments=True) if word not in _WITHOUT_EFFECT]
    except ValueError as error:
        raise RequirementError(((str(origin), f"{text!r} cannot be read: {error}"),)) from error
    options = [word for word in words if word.startswith("-")]
    if options:
        raise RequirementError(((str(origin), f"option {options[0]!r} of an install line is not supported"),))
    return words
