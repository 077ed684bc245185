"""The functional cases of resolvelib, for Python and for CocoaPods."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from lockml.common.errors import NoResolutionError, NotFoundError
from lockml.common.target import parse_target
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.conformance.conftest import data_folder, require_data
from tests.conformance.solutions import Release, Universe, faults_of
from tests.made.indexes import MemoryIndex

TARGET = parse_target("3.8-linux/amd64-glibc-2.36")
# These ask that a circle of dependencies is a conflict.
OTHER_RULES = {"circular", "fixed_circular"}


def cases(kind: str) -> list[Any]:
    folder = data_folder("resolvelib")
    paths = sorted(folder.glob(f"{kind}/case/*.json")) if folder else ()
    return [pytest.param(path, id=path.stem) for path in paths]


def solved(universe: Universe, lines: list[str], base: dict[str, Version]) -> dict[str, Version] | None:
    index = MemoryIndex()
    for name, releases in universe.items():
        for version, release in releases.items():
            extras = sorted(set(re.findall(r"extra == '([^']+)'", " ".join(release.requires))))
            index.add(name, str(version), release.requires, extras=extras)
    content = "\n".join(lines).encode()
    asked = read_requirement_files(("requirements.in",), read=lambda _: content, environment={})
    kept = Preferences(versions={canonicalize_name(name): version for name, version in base.items()})
    try:
        resolution = resolve(asked, TARGET, index, policy=Policy(), preferences=kept)
    except (NoResolutionError, NotFoundError):
        return None
    pins: dict[str, Version] = {pin.name: pin.version for pin in resolution.pins}
    assert faults_of(pins, lines, universe, TARGET.environment) == []
    return pins


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("python"))
def test_python_case_is_solved(path: Path) -> None:
    case = json.loads(path.read_text())
    universe: dict[str, dict[Version, Release]] = {}
    for name, releases in json.loads((path.parents[1] / "index" / f"{case['index']}.json").read_text()).items():
        for text, release in releases.items() if isinstance(releases, dict) else ():
            try:
                version = Version(text)
            except InvalidVersion:
                continue
            universe.setdefault(canonicalize_name(name), {})[version] = Release(tuple(release["dependencies"]), True)
    found = solved(universe, case["requested"], {})
    if not case.get("resolved"):  # markupsafe and msgpack have no release that fits
        assert found is None
        return
    named = {name: pin if isinstance(pin, str) else pin["version"] for name, pin in case["resolved"].items()}
    assert found is not None
    assert {name: found.get(name) for name in named} == {name: Version(text) for name, text in named.items()}


def gem_specifier(text: str) -> str:
    """Return a RubyGems requirement in the grammar of PEP 440."""
    parts = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        operator, _, version = part.rpartition(" ")
        if operator == "~>":
            release = Version(version).release
            parts.append(f"~={version}" if len(release) > 1 else f">={version},<{release[0] + 1}")
        else:
            parts.append(f"{'==' if operator in ('', '=') else operator}{version}")
    return ",".join(parts)


def python_name(name: str) -> str:
    return canonicalize_name(re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-"))


def lines_of(bounds: dict[str, str]) -> list[str]:
    return [f"{python_name(name)}{gem_specifier(bound)}" for name, bound in bounds.items()]


def flattened(trees: list[dict[str, Any]]) -> dict[str, Version]:
    pins: dict[str, Version] = {}
    for tree in trees:
        pins |= {python_name(tree["name"]): Version(tree["version"]), **flattened(tree["dependencies"])}
    return pins


@pytest.mark.slow
@pytest.mark.parametrize("path", cases("cocoapods"))
def test_cocoapods_case_is_solved(path: Path) -> None:
    case = json.loads(path.read_text())
    universe: dict[str, dict[Version, Release]] = {}
    file = path.parents[1] / "index" / f"{case.get('index', 'awesome')}.json"
    for name, releases in json.loads(re.sub(r'^\s*//.*$|//[^"\n]*$', "", file.read_text(), flags=re.MULTILINE)).items():
        for release in releases:
            try:
                requires = tuple(lines_of(dict(release["dependencies"])))
                universe.setdefault(python_name(name), {})[Version(release["version"])] = Release(requires, True)
            except InvalidVersion:
                continue
    found = solved(universe, lines_of(case["requested"]), flattened(case["base"]))
    if case["conflicts"] and path.stem not in OTHER_RULES:
        assert found is None
    elif path.stem not in OTHER_RULES:
        assert found == flattened(case["resolved"])


def test_every_case_is_there() -> None:
    require_data("resolvelib")
    assert (len(cases("python")), len(cases("cocoapods"))) == (13, 25)
