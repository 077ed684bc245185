"""packse's scenarios: the expected packages where they are named, else a sound answer for every concrete target."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from packaging.tags import parse_tag
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import LockmlError, NoResolutionError, NotFoundError
from lockml.common.target import Target, parse_target
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, parse_selection
from lockml.resolution.resolver import resolve
from tests.conformance.conftest import data_folder, require_data
from tests.conformance.solutions import Release, Universe, better_release, faults_of, satisfiable
from tests.made.indexes import MemoryIndex
from tests.made.wheels import metadata_text

# uv takes no notice of an upper bound of Requires-Python; here, as in pip, it counts.
OURS = {"python-less-than-current": False}
# What packse expects of pre-releases is older than the rule that uv follows by now (0.13): a requirement of anybody
# lets them in, also where nothing else fits, and a stable release that fits is preferred to any of them.
BY_TODAYS_RULE: dict[str, dict[str, str]] = {
    "package-only-prereleases-in-range": {"a": "1.0.0a1"},
    "package-prerelease-specified-mixed-available": {"a": "0.3.0"},
    "package-prereleases-specifier-boundary": {"a": "0.1.0"},
    "transitive-package-only-prereleases-in-range": {"a": "0.1.0", "b": "1.0.0a1"},
    "transitive-prerelease-and-stable-dependency": {"a": "1.0.0", "b": "1.0.0", "c": "2.0.0b1"},
    "transitive-prerelease-and-stable-dependency-many-versions": {"a": "1.0.0", "b": "1.0.0", "c": "2.0.0b9"},
    "transitive-prerelease-and-stable-dependency-many-versions-holes": {"a": "1.0.0", "b": "1.0.0", "c": "2.0.0b4"},
}
PLATFORMS = ("linux/amd64-glibc-2.36", "linux/arm64-glibc-2.36", "macos/arm64-14.0", "windows/amd64")


def scenarios(*, universal: bool) -> list[Path]:
    folder = data_folder("packse")
    if folder is None:
        return []
    found = [path for path in sorted(folder.glob("*/*.toml")) if path.parent.name != "examples"]
    return [path for path in found if load(path).get("resolver_options", {}).get("universal", False) == universal]


def load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


def name_of(path: Path) -> str:
    return path.stem


def requires_of(release: Mapping[str, Any]) -> list[str]:
    """Return all that a release requires, its extras as markers."""
    requires = [*release.get("requires", ())]
    for extra, wanted in release.get("extras", {}).items():
        for text in wanted:
            requirement, _, marker = text.partition(";")
            requires.append(f"{requirement} ; {f'({marker}) and ' if marker else ''}extra == '{extra}'")
    return requires


def index_of(scenario: Mapping[str, Any]) -> MemoryIndex:
    index = MemoryIndex()
    for name, package in scenario["packages"].items():
        for version, release in package.get("versions", {}).items():
            requires = requires_of(release)
            text = metadata_text(
                name,
                version,
                requires,
                extras=list(release.get("extras", ())),
                requires_python=release.get("requires_python"),
                metadata_version="2.2",
            )
            further = {"metadata": text, "requires_python": release.get("requires_python")}
            if release.get("yanked"):
                further["yanked"] = True
            if release.get("wheel", True):
                for tag in release.get("wheel_tags") or ["py3-none-any"]:
                    index.add(name, version, tag=tag, **further)
            if release.get("sdist", True):
                index.add(name, version, filename=f"{name}-{version}.tar.gz", **further)
    return index


def universe_of(scenario: Mapping[str, Any], target: Target, policy: Policy) -> Universe:
    """Return the releases as the independent judge sees them: markers of extras spelled out."""
    universe: dict[str, dict[Version, Release]] = {}
    for name, package in scenario["packages"].items():
        releases = universe.setdefault(canonicalize_name(name), {})
        for version, release in package.get("versions", {}).items():
            requires = requires_of(release)
            python = SpecifierSet(release.get("requires_python", ""))
            tags = {tag for text in release.get("wheel_tags") or ["py3-none-any"] for tag in parse_tag(text)}
            wheel = release.get("wheel", True) and name not in policy.no_binary and bool(tags & set(target.tag_ranks))
            sdist = release.get("sdist", True) and name not in policy.only_binary
            installable = python.contains(target.python, prereleases=True) and (wheel or sdist)
            releases[Version(version)] = Release(tuple(requires), installable)
    return universe


def policy_of(scenario: Mapping[str, Any]) -> Policy:
    options = scenario.get("resolver_options", {})
    return Policy(
        prereleases=options.get("prereleases", False),
        no_binary=parse_selection(options.get("no_binary", ())),
        only_binary=parse_selection(options.get("no_build", ())),
    )


def answer(scenario: Mapping[str, Any], target: Target) -> dict[str, Version] | LockmlError:
    content = "\n".join(scenario["root"]["requires"]).encode()
    asked = read_requirement_files(("requirements.in",), read=lambda _: content, environment={})
    policy = policy_of(scenario)
    try:
        resolution = resolve(asked, target, index_of(scenario), policy=policy, preferences=Preferences())
    except (NoResolutionError, NotFoundError) as error:
        return error
    return {pin.name: pin.version for pin in resolution.pins}


def python_of(scenario: Mapping[str, Any]) -> str:
    named = scenario.get("resolver_options", {}).get("python") or scenario.get("environment", {}).get("python")
    return str(named or "3.12")


def assert_sound(scenario: Mapping[str, Any], target: Target, found: dict[str, Version] | LockmlError) -> None:
    """A resolution must hold; that there is none must be true, but for releases that a policy keeps out."""
    universe = universe_of(scenario, target, policy_of(scenario))
    asked = scenario["root"]["requires"]
    if isinstance(found, LockmlError):
        assert not scenario["expected"]["satisfiable"] or not satisfiable(asked, universe, target.environment), found
    else:
        assert faults_of(found, asked, universe, target.environment) == []


def expectation(path: Path, scenario: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what *scenario* expects, or the rule that came after it."""
    packages = BY_TODAYS_RULE.get(path.stem)
    return {"satisfiable": True, "packages": packages} if packages else scenario["expected"]


@pytest.mark.parametrize("path", scenarios(universal=False), ids=name_of)
def test_requirement_scenario_is_answered_right(path: Path) -> None:
    scenario = load(path)
    target = parse_target(f"{python_of(scenario)}-linux/amd64-glibc-2.36")
    expected = expectation(path, scenario)
    supported = SpecifierSet(scenario["root"].get("requires_python", "")).contains(target.python, prereleases=True)
    found = answer(scenario, target) if supported else NotFoundError("python", "not supported")
    assert isinstance(found, LockmlError) != OURS.get(path.stem, expected["satisfiable"]), found
    if "packages" in expected and not isinstance(found, LockmlError):
        assert {name: str(version) for name, version in found.items()} == expected["packages"]
    if supported:
        assert_sound(scenario, target, found)


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("path", scenarios(universal=True), ids=name_of)
def test_universal_scenario_is_right_for_every_concrete_target(path: Path, platform: str) -> None:
    scenario = load(path)
    supported = SpecifierSet(scenario["root"].get("requires_python", ""))
    for python in ("3.9", "3.10", "3.11", "3.12", "3.13"):
        target = parse_target(f"{python}-{platform}")
        if supported.contains(target.python, prereleases=True):
            assert_sound(scenario, target, answer(scenario, target))


@pytest.mark.parametrize("path", [*scenarios(universal=False), *scenarios(universal=True)], ids=name_of)
def test_no_pin_of_a_scenario_could_be_newer_alone(path: Path) -> None:
    """What each newer release needs may be newer too, all else stays; pre-releases and yanked ones do not count."""
    scenario = load(path)
    target = parse_target(f"{python_of(scenario)}-linux/amd64-glibc-2.36")
    found = answer(scenario, target)
    if isinstance(found, LockmlError):
        return
    pins: dict[str, Version] = {str(name): version for name, version in found.items()}
    universe = {
        name: {
            version: release
            for version, release in releases.items()
            if pins.get(name) == version or (release.installable and not version.is_prerelease)
        }
        for name, releases in universe_of(without_yanked(scenario), target, policy_of(scenario)).items()
    }
    assert better_release(pins, scenario["root"]["requires"], universe, target.environment) is None


def without_yanked(scenario: Mapping[str, Any]) -> Mapping[str, Any]:
    packages = {
        name: {
            "versions": {
                version: release
                for version, release in package.get("versions", {}).items()
                if not release.get("yanked")
            }
        }
        for name, package in scenario["packages"].items()
    }
    return {**scenario, "packages": packages}


def test_every_scenario_is_there_and_at_most_one_is_answered_our_way() -> None:
    require_data("packse")
    assert len(scenarios(universal=False)) == 126
    assert len(scenarios(universal=True)) == 49
    assert len(OURS) <= 1
    expected = {path.stem: load(path)["expected"].get("packages") for path in scenarios(universal=False)}
    assert all(expected[name] != packages for name, packages in BY_TODAYS_RULE.items())
