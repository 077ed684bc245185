"""LK201: code that is copied before its dependencies are installed."""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from lockml.docker.analysis import CONDA, Analysis, Run
from lockml.docker.context.copies import Copy
from lockml.docker.dockerfile.stages import Stage
from lockml.docker.installs.model import INSTALLERS, Install
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.edits import line_before, remove_instruction
from lockml.docker.rules.registry import RULES
from lockml.docker.rules.satisfied import name_of
from lockml.docker.shell.model import Command
from lockml.docker.shell.wrappers import program

__all__ = ["find_order"]

_NEUTRAL: Final = frozenset({"ENV", "ARG", "LABEL", "EXPOSE", "STOPSIGNAL", "USER", "CMD", "ENTRYPOINT", "SHELL"})
_WITHOUT_CODE: Final = frozenset(
    {"apt-get", "apt", "apk", "dnf", "yum", "microdnf", "set", "true", "echo", "rm", "mkdir"}
)
_ELSEWHERE: Final = ("--target", "--prefix", "--root", "--src")
_FILE_OPTIONS: Final = ("--requirement", "--constraint")
_PATH_OPTIONS: Final = frozenset(
    {"--find-links", "-f", "--cert", "--client-cert", "--config-file", "--python", "-p", "--override", "--overrides"}
    | {"--build-constraint", "--build-constraints", "--excludes"}
)
_PATH_VARIABLES: Final = ("_FIND_LINKS", "_CERT", "_CONFIG_FILE", "_PYTHON", "_OVERRIDE", "CONSTRAINT", "_REQUIREMENT")
_CERTIFICATES: Final = frozenset({"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"})


def find_order(analysis: Analysis) -> Iterator[Finding]:
    """Yield a warning for the first installation of each stage that follows a copy of the entire context."""
    for stage, copies in zip(analysis.stages, analysis.copies, strict=True):
        copy = next((each for each in copies if each.whole_context), None)
        if copy is None:
            continue
        after = [(run, install) for run, install in analysis.installs if run.stage == stage.number]
        for run, install in after:
            if run.number < copy.step:
                continue
            if _needs_code(analysis, run, install):
                break  # later steps may need what it installs
            if _could_come_first(analysis, run, install):
                yield _finding(analysis, stage, copy, run, install)
                break


def _needs_code(analysis: Analysis, run: Run, install: Install) -> bool:
    """Return whether *install* installs part of what was copied."""
    if install.projects or any("://" not in each.text and "+" not in each.text for each in install.archives):
        return True
    if not install.is_pip:
        return False
    found = [analysis.pins_of(run, install, option) for option in install.files]
    return any(each is not None and _local(each[1].requirements, each[1].unnamed) for each in found)


def _could_come_first(analysis: Analysis, run: Run, install: Install) -> bool:
    """Return whether *install* takes long and needs none of the code."""
    if install.named and not install.files and all(name_of(each) in INSTALLERS for each in install.named):
        return False
    if install.tool in CONDA or (install.tool in ("poetry", "pipenv", "pdm", "uv sync") and install.frozen):
        return not any(each.frozen and each.tool == install.tool for each in _earlier(analysis, run))
    return install.is_pip and not _needs_code(analysis, run, install)


def _local(requirements: tuple[object, ...], unnamed: bool) -> bool:
    """Return whether a file requires something in the context."""
    paths = (str(getattr(each, "reference", None) or "") for each in requirements)
    return unnamed or any(path and "://" not in path for path in paths)


def _earlier(analysis: Analysis, run: Run) -> Iterator[Install]:
    for each in analysis.before(run):
        yield from each.installs


def _finding(analysis: Analysis, stage: Stage, copy: Copy, run: Run, install: Install) -> Finding:
    source = analysis.source
    line = source.position(copy.instruction.start).line
    return Finding(
        code="LK201",
        severity=RULES["LK201"].severity,
        message=f"line {line} copies the entire context, so every code change reinstalls this",
        source=source,
        start=install.command.start,
        stop=install.command.stop,
        fix=_fix(analysis, stage, copy, run),
        hint="copy only the requirement file, install it, and then copy the code",
    )


def _fix(analysis: Analysis, stage: Stage, copy: Copy, run: Run) -> tuple[Edit, ...]:
    """Copy the files that the installation reads first, and everything else after it."""
    between = stage.steps[copy.step + 1 : run.number]
    if not all(step.instruction.keyword in (*_NEUTRAL, "RUN", "WORKDIR") for step in between):
        return ()
    relative = not copy.raw.startswith("/")
    if relative and any(step.instruction.keyword == "WORKDIR" for step in between):
        return ()
    runs = [each for each in analysis.runs if each.stage == run.stage and copy.step < each.number <= run.number]
    files: list[tuple[str, str]] = []
    for each in runs:
        needed = _needed(analysis, copy, each)
        if needed is None:
            return ()
        files = list(dict.fromkeys([*files, *needed]))
    removed = remove_instruction(analysis.source, copy.instruction)
    if not files or not removed or copy.sources != (".",) or copy.instruction.words is not None:
        return ()
    text = analysis.source.text[copy.instruction.start : copy.instruction.stop]
    flags = "".join(f" --{flag.name}={flag.value}" for flag in copy.instruction.flags)
    lines = [f"COPY{flags} {origin} {target}" for origin, target in files]
    newline = analysis.source.newline
    end = run.step.instruction.stop
    return (
        line_before(analysis.source, copy.instruction, newline.join(lines)),
        *removed,
        Edit(start=end, stop=end, text=newline + text),
    )


def _needed(analysis: Analysis, copy: Copy, run: Run) -> list[tuple[str, str]] | None:
    """Return (file of the context, destination) for what *run* reads of the code, None if that is unknown."""
    found: list[tuple[str, str]] = []
    for command in run.commands:
        install = next((each for each in run.installs if each.command is command), None)
        if install is None:
            if program(command.words[0]) not in _WITHOUT_CODE or _names_code(command, copy):
                return None
            continue
        if not install.is_pip or not _could_come_first(analysis, run, install) or install.has(*_ELSEWHERE):
            return None
        beside = (*_read_beside(install), *_on_path(analysis, run, command))
        if any(_is_of_code(analysis, copy, command, path) for path in beside):
            return None
        options = [option for option in install.options if option.name.startswith(_FILE_OPTIONS)]
        for option in (*install.files, *options):
            pins = analysis.pins_of(run, install, option)
            if pins is None:
                return None
            found += [(name, _target(copy, name)) for name in pins[1].files]
    return found


def _read_beside(install: Install) -> Iterator[tuple[str, bool]]:
    """Yield what *install* may read besides requirement files: a path, and whether it is certainly one."""
    word = install.command.words[0].text
    yield word, "/" in word
    for option in install.options:
        if option not in install.files and not option.name.startswith(_FILE_OPTIONS):
            yield option.value or "", option.name in _PATH_OPTIONS
    for name, value in install.variables.items():
        setting = name.startswith(("PIP_", "UV_")) and name.endswith(_PATH_VARIABLES)
        if setting or name in _CERTIFICATES:
            yield from ((each, True) for each in re.split(r"[\s,]+", value if value is not None else "."))
    if install.tool == "uv pip":
        yield from (("uv.toml", False), ("pyproject.toml", False))


def _on_path(analysis: Analysis, run: Run, command: Command) -> Iterator[tuple[str, bool]]:
    """Yield where the program of *command* may be, given what ENV adds to PATH."""
    steps = (step.instruction for number in analysis.line(run.stage) for step in analysis.stages[number].steps)
    for each in steps:
        if each.keyword == "ENV" and "PATH" in each.arguments.text:
            for folder in re.findall(r"/[^\s:'\"]+", each.arguments.text):
                yield f"{folder}/{program(command.words[0])}", False


def _is_of_code(analysis: Analysis, copy: Copy, command: Command, named: tuple[str, bool]) -> bool:
    """Return whether what is *named* comes, or may come, from *copy*."""
    text, is_path = named
    if not text or "://" in text or text.startswith("-"):
        return False
    path = posixpath.normpath(posixpath.join(command.workdir, text))
    folder = copy.destination.rstrip("/") + "/"
    if not path.startswith(folder):
        return False
    read = analysis.context.read
    return is_path or read is None or read(path.removeprefix(folder)) is not None


def _names_code(command: Command, copy: Copy) -> bool:
    """Return whether an argument may be a file of the code."""
    arguments = [word.text for word in command.words[1:]]
    folder = copy.destination.rstrip("/") + "/"
    package_manager = program(command.words[0]) in ("apt-get", "apt", "apk", "dnf", "yum", "microdnf", "set", "true")
    if package_manager:
        return any(text.startswith(("./", folder)) for text in arguments)
    return any(not text.startswith(("/", "-", "~")) or (text + "/").startswith(folder) for text in arguments)


def _target(copy: Copy, name: str) -> str:
    base = copy.raw.rstrip("/") or ("/" if copy.raw.startswith("/") else ".")
    folder = posixpath.dirname(name)
    path = f"{base}/{folder}" if folder else base
    return f"{path.rstrip('/')}/"
