"""LK202, LK203: installer caches that remain in a layer, or that are mounted but not used."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.docker.analysis import CONDA, Analysis, Run
from lockml.docker.installs.model import Install
from lockml.docker.model import Edit, Finding
from lockml.docker.rules.edits import add_option, remove_option
from lockml.docker.rules.registry import RULES
from lockml.docker.shell.model import Command
from lockml.docker.shell.wrappers import program

__all__ = ["find_caches"]

_NO_CACHE: Final = ("--no-cache-dir", "--no-cache")
_UV: Final = frozenset({"uv pip", "uv sync", "uv add", "uv tool"})
_CLEANING: Final = re.compile(r"cache\s+(?:purge|clean|prune)|clean\s+(?:-\S*[apty]\S*|--all|--tarballs|--yes)")


def find_caches(analysis: Analysis) -> Iterator[Finding]:
    """Yield a warning for each installation whose cache is shipped, or mounted but not used."""
    for run in analysis.runs:
        if run.installs:
            yield from _in_run(analysis, run)


def _in_run(analysis: Analysis, run: Run) -> Iterator[Finding]:
    places = {id(command): number for number, command in enumerate(run.commands)}
    cleaned = max((number for number, command in enumerate(run.commands) if _cleans(command)), default=-1)
    for install in run.installs:
        if install.tool not in (*_UV, *CONDA, "pip") or install.has("--dry-run", "--help") or _links_to_cache(install):
            continue
        mounted = _has_mount(run, install)
        if _without_cache(install):
            if mounted:
                yield _unused(analysis, install)
        elif not mounted and run.stage in analysis.shipped and places[id(install.command)] >= cleaned:
            yield _left(analysis, install)


def _links_to_cache(install: Install) -> bool:
    """Return whether uv makes an environment of links into its cache, which must then remain."""
    option = install.option("--link-mode")
    mode = option.value if option is not None else install.variables.get("UV_LINK_MODE")
    return install.tool in _UV and mode == "symlink"


def _without_cache(install: Install) -> bool:
    variable = "PIP_NO_CACHE_DIR" if install.tool == "pip" else "UV_NO_CACHE"
    if install.tool in CONDA:
        return False
    value = install.variables.get(variable)
    # pip also disables the cache for "off" and "0": the value belongs to an option that begins with "no"
    switched = variable in install.variables and (value is None or bool(value.strip()))
    return install.has(*_NO_CACHE) or (switched if install.tool == "pip" else install.is_set(variable))


def _has_mount(run: Run, install: Install) -> bool:
    """Return whether a mount keeps the cache out of the layer: on its folder, or one above or below it."""
    name = {"pip": "pip"}.get(install.tool, "uv")
    if install.tool in CONDA:
        name = "pkgs"
    variable = install.variables.get("PIP_CACHE_DIR" if name == "pip" else "UV_CACHE_DIR")
    option = install.option("--cache-dir")
    own = [each.rstrip("/") for each in (variable, option.value if option else None) if each]
    for mount in run.mounts:
        target = mount.get("target", "").rstrip("/")
        if mount["type"] not in ("cache", "tmpfs", "bind") or not target:
            continue
        if target in own or any(each.startswith(target + "/") for each in own):
            return True
        if target.endswith("/.cache") or f"/{name}" in target or target in ("/root", "/home"):
            return True
        if "$" in target or (name != "pkgs" and not own and "cache" in target and name in target):
            return True
    return False


def _cleans(command: Command) -> bool:
    """Return whether *command* removes a cache."""
    text = " ".join(word.text for word in command.words)
    name = program(command.words[0])
    removed = name in ("rm", "find") and ("cache" in text or "/pkgs" in text or " ~" in text or "/root/" in text)
    return removed or bool(_CLEANING.search(text))


def _left(analysis: Analysis, install: Install) -> Finding:
    option = "--no-cache-dir" if install.tool == "pip" else "--no-cache"
    advice = f"add {option}, or mount a cache with RUN --mount=type=cache"
    fix: tuple[Edit, ...] = () if install.tool in CONDA else add_option(install, option)
    if install.tool in CONDA:
        advice = f"add `&& {install.tool} clean --all --yes` to the same RUN"
    return Finding(
        code="LK202",
        severity=RULES["LK202"].severity,
        message=f"{install.tool} leaves its cache in this layer",
        source=analysis.source,
        start=install.command.start,
        stop=install.command.stop,
        fix=fix,
        hint=advice,
    )


def _unused(analysis: Analysis, install: Install) -> Finding:
    option = install.option(*_NO_CACHE)
    given = [each for each in install.options if each.name in _NO_CACHE]
    fix = tuple(edit for each in given for edit in remove_option(analysis.source, install, each))
    variable = "PIP_NO_CACHE_DIR" if install.tool == "pip" else "UV_NO_CACHE"
    by_variable = variable in install.variables
    return Finding(
        code="LK203",
        severity=RULES["LK203"].severity,
        message=f"a cache is mounted for {install.tool}, but {option.name if option else variable} keeps it empty",
        source=analysis.source,
        start=option.start if option else install.command.start,
        stop=option.stop if option else install.command.stop,
        fix=() if by_variable or len(fix) != len(given) else fix,
        hint=f"remove {option.name if option else variable}, or the mount",
    )
