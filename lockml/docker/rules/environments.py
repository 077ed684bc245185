"""LK502: virtual environments that are copied to places where they do not run."""

import posixpath
from collections.abc import Iterator
from typing import Final

from lockml.docker.analysis import Analysis
from lockml.docker.context.copies import Copy
from lockml.docker.dockerfile.images import parse_image, python_of
from lockml.docker.model import Finding
from lockml.docker.rules.base import root_of
from lockml.docker.rules.registry import RULES
from lockml.docker.shell.model import Command
from lockml.docker.shell.wrappers import program

__all__ = ["find_environments"]

_MOST: Final = 100  # environments of a stage


def find_environments(analysis: Analysis) -> Iterator[Finding]:
    """Yield an error for each COPY of an environment to another Python, or to another path."""
    made = _made_in(analysis)
    prefixes: dict[int, list[str]] = {}
    for stage, copies in zip(analysis.stages, analysis.copies, strict=True):
        for copy in copies:
            if copy.source_stage is None:
                continue
            if copy.source_stage not in prefixes:
                line = reversed(analysis.line(copy.source_stage))
                every = dict.fromkeys(prefix for number in line for prefix in made[number])
                prefixes[copy.source_stage] = list(every)[:_MOST]
            for prefix in prefixes[copy.source_stage]:
                message = _problem(analysis, stage.number, copy, prefix)
                if message is not None:
                    yield Finding(
                        code="LK502",
                        severity=RULES["LK502"].severity,
                        message=message,
                        source=analysis.source,
                        start=copy.instruction.start,
                        stop=copy.instruction.stop,
                        hint="base both stages on the same image, and keep the path",
                    )


def _problem(analysis: Analysis, stage: int, copy: Copy, prefix: str) -> str | None:
    """Return why the environment *prefix* does not run where *copy* puts it, None if it does or is not copied."""
    assert copy.source_stage is not None  # noqa: S101 - the caller looked
    sources = [posixpath.normpath("/" + source) for source in copy.sources]
    source = next((each for each in sources if (prefix + "/").startswith(each.rstrip("/") + "/")), None)
    if source is None:
        return None
    below = prefix[len(source.rstrip("/")) :]
    target = posixpath.normpath(copy.destination + below)
    if target != prefix and not (copy.folder and len(copy.sources) > 1):
        return f"the environment {prefix} is copied to {target}, but its scripts name {prefix}"
    made, runs = (_python(analysis, number) for number in (copy.source_stage, stage))
    if made is not None and runs is not None and made != runs:
        return f"the environment {prefix} was made by Python {made}, but this stage has Python {runs}"
    return None


def _python(analysis: Analysis, stage: int) -> str | None:
    value = root_of(analysis, stage).value
    return python_of(parse_image(value)) if value is not None else None


def _made_in(analysis: Analysis) -> dict[int, dict[str, None]]:
    """Return the virtual environments that each stage makes."""
    found: dict[int, dict[str, None]] = {stage.number: {} for stage in analysis.stages}
    for run in analysis.runs:
        for command in run.commands:
            prefix = _made_by(command)
            if prefix is not None:
                found[run.stage][prefix] = None
    return found


def _made_by(command: Command) -> str | None:
    """Return the environment that ``python -m venv``, ``virtualenv`` or ``uv venv`` makes."""
    words = [word.text for word in command.words]
    name = program(command.words[0])
    if name.startswith("python") and "-m" in words and words[words.index("-m") + 1 :][:1] in (["venv"], ["virtualenv"]):
        rest = words[words.index("-m") + 2 :]
    elif name == "virtualenv":
        rest = words[1:]
    elif name == "uv" and words[1:2] == ["venv"]:
        rest = words[2:]
    else:
        return None
    if "--relocatable" in rest:
        return None
    plain = [word for word, before in zip(rest, ["", *rest], strict=False) if _is_prefix(word, before)]
    if not plain or "$" in plain[-1]:
        return None
    return posixpath.normpath(posixpath.join(command.workdir, plain[-1]))


def _is_prefix(word: str, before: str) -> bool:
    return not word.startswith("-") and before not in ("-p", "--python", "--prompt", "--seed", "--cache-dir")
