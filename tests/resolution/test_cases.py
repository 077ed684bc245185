"""The questions of fixtures/resolution, each a small universe with its answer."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import NoResolutionError
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target

FOLDER = Path(__file__).parents[2] / "fixtures" / "resolution"


def cases() -> Iterator[Any]:
    for path in sorted(FOLDER.glob("*.toml")):
        for case in tomllib.loads(path.read_text())["case"]:
            yield pytest.param(case, id=f"{path.stem}: {case['name']}")


def index_of(case: Mapping[str, Any]) -> MemoryIndex:
    index = MemoryIndex()
    for release, content in case["universe"].items():
        name, version = release.split()
        table = content if isinstance(content, dict) else {"requires": content}
        further = {key: table[key] for key in ("yanked", "filename") if key in table}
        if "sha256" in table:
            further["hashes"] = {"sha256": table["sha256"]}
        if "uploaded" in table:
            further["upload_time"] = table["uploaded"]
        index.add(
            name,
            version,
            table.get("requires", ()),
            extras=table.get("extras", ()),
            tag=table.get("tag", "py3-none-any"),
            requires_python=table.get("python"),
            metadata=table.get("metadata"),
            **further,
        )
    index.status = {canonicalize_name(name): status for name, status in case.get("status", {}).items()}
    return index


def asked_by(case: Mapping[str, Any]) -> RequirementSet:
    files = {
        "requirements.in": "\n".join(case["asked"]).encode(),
        "constraints.txt": "\n".join(case.get("constraints", ())).encode(),
        "overrides.txt": "\n".join(case.get("overrides", ())).encode(),
    }
    asked = read_requirement_files(
        ("requirements.in",), read=files.__getitem__, environment={}, constraints=("constraints.txt",)
    )
    overrides = read_requirement_files(("overrides.txt",), read=files.__getitem__, environment={})
    return replace(asked, overrides=overrides.requirements)


def resolved(case: Mapping[str, Any], asked: RequirementSet | None = None) -> Resolution:
    versions = {canonicalize_name(name): Version(text) for name, text in case.get("preferred", {}).items()}
    return resolve(
        asked or asked_by(case),
        make_target(),
        index_of(case),
        policy=Policy(
            prereleases=case.get("prereleases", False),
            stable_only=case.get("stable_only", False),
            exclude_newer=case.get("exclude_newer"),
        ),
        preferences=Preferences(versions=versions),
    )


@pytest.mark.parametrize("case", [case for case in cases() if "pins" in case.values[0]])
def test_case_is_resolved(case: Mapping[str, Any]) -> None:
    resolution = resolved(case)
    assert {pin.name: str(pin.version) for pin in resolution.pins} == case["pins"]
    assert list(resolution.warnings) == case.get("warnings", [])


@pytest.mark.parametrize("case", [case for case in cases() if "conflict" in case.values[0]])
def test_case_is_explained(case: Mapping[str, Any]) -> None:
    with pytest.raises(NoResolutionError) as caught:
        resolved(case)
    assert caught.value.exit_code == 3
    lines = caught.value.explanation.splitlines()
    assert [line for line in case["conflict"] if line.strip() not in [shown.strip() for shown in lines]] == [], lines


def test_every_case_expects_something() -> None:
    assert all(("pins" in case.values[0]) != ("conflict" in case.values[0]) for case in cases())
