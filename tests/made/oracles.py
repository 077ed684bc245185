"""What a tool says that it installs from its lock, as requirements, beside what lockml selects of that lock."""

import re
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockml.common.target import Target, parse_target
from lockml.lock.formats.read import parse_any_lock
from lockml.lock.model import Choice, Lock
from lockml.lock.select import select_packages, with_choice

__all__ = ["LINUX", "TARGETS", "differences", "read_fixture"]

TARGETS = tuple(
    map(
        parse_target,
        (
            "a=3.11-linux/amd64-glibc-2.36",
            "b=3.12-linux/amd64-glibc-2.36",
            "c=3.12-macos/arm64-14.0",
            "d=3.11-windows/amd64",
            "e=3.12-windows/amd64",
        ),
    )
)
LINUX = {"3.11": TARGETS[0], "3.12": TARGETS[1]}
FIXTURES = Path(__file__).parents[2] / "fixtures" / "locks"

Installed = dict[str, tuple[str | None, frozenset[str]]]
"""Versions, None for what comes from no index, and hashes by name."""


def differences(lock: Lock, choice: Choice, target: Target, folder: str, oracle: str) -> list[str]:
    """Return how what lockml selects differs from what the tool installs; hashes count where the tool tells them."""
    expected, found = told(folder, oracle, target), selected(lock, choice, target)
    assert expected
    lines = [
        f"{name}: {expected.get(name, ('nothing',))[0]} by the tool, {found.get(name, ('nothing',))[0]} by us"
        for name in sorted(expected.keys() | found.keys())
        if (name in expected) != (name in found) or expected[name][0] != found[name][0]
    ]
    both = sorted(expected.keys() & found.keys())
    return lines + [f"{name}: hashes" for name in both if expected[name][1] and expected[name][1] != found[name][1]]


def read_fixture(folder: str, file: str, *, alone: bool = False) -> Lock:
    """Return the lock in the *folder* of fixtures, *alone* or with what lies beside it."""
    here = FIXTURES / folder

    def beside(name: str) -> bytes | None:
        return (here / name).read_bytes() if not alone and (here / name).is_file() else None

    return parse_any_lock((here / file).read_bytes(), file, beside)


def told(folder: str, oracle: str, target: Target) -> Installed:
    """Return what the tool's own export says of *target*, without what has neither a version nor a place."""
    installed: Installed = {}
    for name, version, marker, hashes in _lines((FIXTURES / folder / f"{oracle}.txt").read_text("utf-8")):
        if version != "" and (not marker or Marker(marker).evaluate(dict(target.environment))):
            installed[name] = (version, hashes)
    return installed


def selected(lock: Lock, choice: Choice, target: Target) -> Installed:
    """Return what lockml selects of *lock* for *target*."""
    installed: Installed = {}
    places = {id(package): place for place, package in enumerate(lock.pylock.packages)}
    for package in select_packages(with_choice(lock, choice, "lock"), target, "lock"):
        direct = package.vcs or package.archive or package.directory
        files = [file.hashes for file in package.wheels or ()]
        files += [file.hashes for file in (package.sdist, package.archive) if file is not None]
        hashes = {f"{kind}:{digest}" for each in files for kind, digest in each.items()}
        hashes.update(lock.hashes.get(places[id(package)], ()))
        installed[package.name] = (None if direct else str(package.version), frozenset(hashes))
    return installed


def _lines(text: str) -> Iterator[tuple[str, str | None, str, frozenset[str]]]:
    for line in text.replace("\\\n", " ").splitlines():
        hashes = frozenset(re.findall(r"--hash=(\S+)", line))
        asked = re.sub(r"\s*--hash=\S+", "", line).strip()
        if not asked or asked.startswith(("#", "-i ", "--")):
            continue
        place, _, marker = (part.strip() for part in asked.removeprefix("-e ").partition(" ;"))
        if re.match(r"(\./|https?:|file:)", place):
            named = re.search(r"egg=([\w-]+)", place) or re.match(r"[A-Za-z]+(?:_[A-Za-z]+)*", place.rpartition("/")[2])
            assert named is not None
            yield canonicalize_name(named[named.lastindex or 0]), None, marker, hashes
        else:
            requirement = Requirement(re.sub(r"( @ \S+);", r"\1 ;", asked))  # Poetry 1.1 leaves out the space
            version = None if requirement.url else str(requirement.specifier).removeprefix("==")
            yield canonicalize_name(requirement.name), version, str(requirement.marker or ""), hashes
