"""LK101, LK104, LK501: packages installed without a lock, before or after the locked ones."""

import re
from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from lockml.docker.analysis import CONDA, Analysis, Run
from lockml.docker.context.projects import needs_of
from lockml.docker.installs.model import INSTALLERS, Install
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.edits import add_option, line_before, remove_command
from lockml.docker.rules.registry import RULES
from lockml.docker.rules.satisfied import (
    LOCKED_FILE,
    in_one_environment,
    lock_has,
    locked_file,
    name_of,
    plain_options,
)
from lockml.docker.shell.model import Argument

__all__ = ["find_unlocked"]

_FIXED: Final = re.compile(r"#(?:.*&)?sha(?:256|384|512)=[0-9a-f]{64,}|@[0-9a-f]{40}(?:[0-9a-f]{24})?(?:[#\[].*)?$")
_PINNED: Final = re.compile(r"===?[^=,*]+$|@\s*\d[\w.]*$")
_INSIDE: Final = "/tmp/requirements.txt"  # noqa: S108 - a path of the image
_MOST: Final = 5


def find_unlocked(analysis: Analysis) -> Iterator[Finding]:
    """Yield an error for each installation without a lock, a warning for each installer without a version."""
    fixing: set[int] = set()
    for run, install in analysis.installs:
        if install.has("--dry-run", "--help", "--no-index") or install.is_set("PIP_NO_INDEX"):
            continue
        if install.tool in ("pipx", "uv tool"):
            yield from _installers(analysis, install.named[-1:])
            continue
        if analysis.is_locked(run, install):
            continue
        tools = tuple(each for each in install.named if name_of(each) in INSTALLERS) if install.is_pip else ()
        yield from _installers(analysis, tools)
        unlocked = _unlocked(analysis, install)
        if unlocked:
            finding = _finding(analysis, run, install, unlocked)
            if (
                finding.code == "LK101" and finding.fix
            ):  # once the stage is locked, other installations come after the lock
                if run.stage in fixing:
                    finding = replace(finding, fix=())
                fixing.add(run.stage)
            yield finding


def _installers(analysis: Analysis, tools: tuple[Argument, ...]) -> Iterator[Finding]:
    unpinned = [each for each in tools if not _PINNED.search(each.text) and each.known]
    if not unpinned:
        return
    names = ", ".join(each.text for each in unpinned)
    yield Finding(
        code="LK501",
        severity=RULES["LK501"].severity,
        message=f"{names}: each build installs whatever version is newest",
        source=analysis.source,
        start=unpinned[0].start,
        stop=unpinned[-1].stop,
        hint="pin it, as in pip==25.3, or keep the base image's version",
    )


def _unlocked(analysis: Analysis, install: Install) -> list[str]:
    """Return what *install* installs without a lock, in words for a person."""
    if install.tool == "uv sync":
        return ["uv sync without --locked or --frozen, which may lock again"] if not install.frozen else []
    if install.tool in CONDA:
        return [each.text for each in install.named] or [f"what {install.tool} {install.verb.text} reads"]
    if not install.is_pip and install.tool != "setup.py":
        what = " ".join(each.text for each in install.named)
        return [f"{install.tool} {install.verb.text} {what}".strip()] if not install.frozen else []
    found = [each.text for each in install.named if name_of(each) not in INSTALLERS]
    for each in install.archives:
        if _is_unlocked_archive(analysis, install, each):
            found.append(each.text if _is_remote(each) else f"what {each.text} needs")
    if not analysis.dependency_free(install):
        found += [f"what {each.text} needs" for each in install.projects]
    return found


def _is_unlocked_archive(analysis: Analysis, install: Install, archive: Argument) -> bool:
    """Return whether *archive* may have other content tomorrow, or install dependencies."""
    if not analysis.dependency_free(install):
        return True
    return _is_remote(archive) and not _FIXED.search(archive.text)


def _is_remote(archive: Argument) -> bool:
    return "://" in archive.text or "+" in archive.text.partition("/")[0]


def _finding(analysis: Analysis, run: Run, install: Install, unlocked: list[str]) -> Finding:
    after = _locked_before(analysis, run, install)
    code = "LK104" if after is not None else "LK101"
    more = f" and {len(unlocked) - _MOST} more" if len(unlocked) > _MOST else ""
    names = ", ".join(unlocked[:_MOST]) + more
    command = install.command
    lock = analysis.lock
    if after is not None:
        line = analysis.source.position(after.command.start).line
        message = f"{names}: not in a lock, but installed after the locked packages of line {line}"
        fix = _fix_after(analysis, run, install) if in_one_environment(analysis, run, install, after) else ()
        hint = "add it to the requirements and compile them"
    else:
        message = f"{names}: not pinned by a lock, so each build may install something else"
        fix = _fix_unlocked(analysis, run, install)
        hint = "write it to requirements.in, run `lockml compile`, and install requirements.txt"
    if install.projects and not install.named and lock is not None:
        hint = "install it with --no-deps after the locked packages"
    if install.tool == "uv sync":
        hint = "add --locked"
    elif install.tool in CONDA:
        hint = "lock it with conda-lock and install the explicit file, or install it with pip from a lock"
    return Finding(
        code=code,
        severity=RULES[code].severity,
        message=message,
        source=analysis.source,
        start=command.start,
        stop=command.stop,
        fix=fix,
        hint=hint,
    )


def _locked_before(analysis: Analysis, run: Run, install: Install) -> Install | None:
    """Return the locked installation that *install* comes after, None if there is none."""
    same = [each for number, each in analysis.locked.get(run.stage, ()) if number == run.number]
    if same and any(each is same[0] for each in run.installs[: run.installs.index(install)]):
        return same[0]
    for stage in analysis.line(run.stage):
        for number, each in reversed(analysis.locked.get(stage, ())):
            if stage != run.stage or number < run.number:
                return each
    return None


def _by_name(install: Install) -> bool:
    """Return whether *install* only requests projects by name, with options that do not matter."""
    return (
        install.is_pip
        and bool(install.named)
        and not (install.projects or install.archives or install.files)
        and all(each.known for each in install.named)
        and plain_options(install)
    )


def _fix_after(analysis: Analysis, run: Run, install: Install) -> tuple[Edit, ...]:
    """Return the edit that removes what the lock installs, or skips the dependencies of a project if locked."""
    if analysis.lock is None or locked_file(analysis) is None:
        return ()
    if _by_name(install) and lock_has(analysis.lock, (each.text for each in install.named)):
        return remove_command(analysis.source, install.command, run.commands, run.step.instruction)
    alone = install.projects and not (install.named or install.archives or install.files)
    if install.is_pip and alone and all(_lock_serves(analysis, run, install, each) for each in install.projects):
        return add_option(install, "--no-deps")
    return ()


def _lock_serves(analysis: Analysis, run: Run, install: Install, project: Argument) -> bool:
    """Return whether the lock has everything that a *project* of the context needs, according to its pyproject.toml."""
    folder, _, extras = project.text.partition("[")
    file = analysis.context_file(run, f"{folder or '.'}/pyproject.toml", install.command.workdir)
    content = analysis.context.read(file) if file is not None and analysis.context.read is not None else None
    if content is None or analysis.lock is None or not project.known:
        return False
    needs = needs_of(content, [each.strip() for each in extras.rstrip("]").split(",") if each.strip()])
    return needs is not None and lock_has(analysis.lock, needs)


def _fix_unlocked(analysis: Analysis, run: Run, install: Install) -> tuple[Edit, ...]:
    """Install the lock instead of one of its packages by name."""
    lock, command = analysis.lock, install.command
    if lock is None or not _by_name(install) or not command.exact or locked_file(analysis) is None:
        return ()
    texts = [each.text for each in install.named]
    if not lock_has(lock, texts) or not all(each.whole for each in install.named) or run.step.user not in ("", "root"):
        return ()
    first, *others = install.named
    edits = [
        line_before(analysis.source, run.step.instruction, f"COPY {LOCKED_FILE} {_INSIDE}"),
        Edit(start=first.start, stop=first.stop, text=f"--require-hashes -r {_INSIDE}"),
    ]
    for each in others:
        start = each.start
        while analysis.source.text[start - 1] in " \t":
            start -= 1
        edits.append(Edit(start=start, stop=each.stop, text=""))
    return tuple(edits)
