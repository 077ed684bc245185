"""Releases that are passed over for a build, told in one line each and refused where an old series would be locked."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.common.errors import NoResolutionError
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.multi_target import resolve_targets
from lockml.resolution.passed_over import is_older_series, refuse_older_series
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

Universe = Mapping[str, Any]
"""What each ``NAME VERSION`` needs; as a text, a source archive that has to be built, or broken metadata."""

HYDRA: Universe = {
    "hydra-core 1.3.8": ["omegaconf>=2.2", "antlr==4.9.*"],
    "hydra-core 0.11.3": ["omegaconf>=1.4"],
    "omegaconf 2.3.0": ["antlr==4.9.*"],
    "omegaconf 1.4.1": [],
    "antlr 4.9.3": "build",
}


def index_of(universe: Universe) -> MemoryIndex:
    index = MemoryIndex()
    for release, what in universe.items():
        name, version = release.split()
        if what == "build":
            text = metadata_text(name, version, metadata_version="2.1")
            index.add(name, version, filename=f"{name}-{version}.tar.gz", metadata=text)
        elif what == "broken":
            index.add(name, version, metadata="broken")
        elif isinstance(what, str):  # wheels for another Python
            index.add(name, version, tag=what)
        else:
            index.add(name, version, what)
    return index


def resolved(
    universe: Universe, lines: Sequence[str], kept: Mapping[str, str] | None = None, **policy: Any
) -> Resolution:
    asked = read_requirement_files(("requirements.in",), read=lambda _: "\n".join(lines).encode(), environment={})
    versions = {canonicalize_name(name): Version(text) for name, text in (kept or {}).items()}
    return resolve(
        asked, make_target(), index_of(universe), policy=Policy(**policy), preferences=Preferences(versions=versions)
    )


def refusal(resolution: Resolution, kept: Mapping[str, str] | None = None, accepted: Sequence[str] = ()) -> str:
    """Return why the pins are refused, with the hint, "" where they are not."""
    versions = {canonicalize_name(name): Version(text) for name, text in (kept or {}).items()}
    try:
        refuse_older_series([resolution], (), {resolution.target: versions}, {canonicalize_name(n) for n in accepted})
    except NoResolutionError as error:
        return f"{error}\n{error.hint}"
    return ""


def test_release_that_needs_what_has_to_be_built_is_told_with_the_package_to_build() -> None:
    resolution = resolved(HYDRA, ["hydra-core"])
    assert resolution.warnings == (
        "hydra-core 1.3.8 is passed over for 0.11.3: antlr 4.9.3 has to be built to learn what it needs "
        "(--allow-build antlr)",
        "omegaconf 2.3.0 is passed over for 1.4.1: antlr 4.9.3 has to be built to learn what it needs "
        "(--allow-build antlr)",
    )


def test_older_series_of_an_unbounded_line_is_refused_and_names_both_ways_out() -> None:
    text = refusal(resolved(HYDRA, ["hydra-core"]))
    assert "hydra-core (requirements.in:1): hydra-core 1.3.8 is passed over for 0.11.3" in text
    assert "--allow-build antlr" in text
    assert "--accept-older hydra-core" in text
    assert "omegaconf" not in text  # no line of the user's asks for it


@pytest.mark.parametrize(
    ("lines", "kept", "accepted"),
    [
        (["hydra-core"], {}, ["hydra-core"]),
        (["hydra-core"], {"hydra-core": "0.11.3"}, []),
        (["hydra-core>=0.11"], {}, []),
    ],
    ids=["accepted", "kept from the lock", "bounded"],
)
def test_older_series_is_not_refused_where_it_is(
    lines: Sequence[str], kept: Mapping[str, str], accepted: Sequence[str]
) -> None:
    assert refusal(resolved(HYDRA, lines, kept), kept, accepted) == ""


def test_older_release_of_the_same_series_is_only_told() -> None:
    resolution = resolved({"basicsr 1.4.2": "build", "basicsr 1.3.3.3": []}, ["basicsr"])
    assert [str(each.chosen) for each in resolution.passed_over] == ["1.3.3.3"]
    assert refusal(resolution) == ""


def test_all_that_has_to_be_built_is_named_at_once() -> None:
    universe = {
        "a 2.0": ["b", "c"],
        "a 0.1": [],
        "b 1.0": "build",
        "c 1.0": ["d"],
        "d 1.0": "build",
        "e 3.0": "build",
        "e 1.0": [],
    }
    text = refusal(resolved(universe, ["a", "e"]))
    assert "--allow-build b,d,e" in text
    assert "b 1.0, d 1.0 have to be built to learn what they need" in text


def test_build_is_proposed_where_releases_of_a_project_need_different_ones() -> None:
    universe = {**HYDRA, "hydra-core 1.1.0": ["antlr==4.8"], "antlr 4.8": "build"}
    asked = read_requirement_files(("requirements.in",), read=lambda _: b"hydra-core>=1", environment={})
    with pytest.raises(NoResolutionError) as caught:
        resolve_targets(asked, {make_target(): Preferences()}, index_of(universe), policy=Policy())
    assert "antlr 4.8 and 4.9.3: its dependencies are known only after a build" in caught.value.explanation
    assert "--allow-build antlr, which builds antlr 4.9.3" in caught.value.explanation


def test_release_whose_metadata_cannot_be_read_is_refused_with_the_reason() -> None:
    text = refusal(resolved({"a 2.0": "broken", "a 1.0": []}, ["a"]))
    assert "a 2.0 is passed over for 1.0: its metadata cannot be read" in text
    assert "--allow-build" not in text


def test_wheel_that_is_merely_missing_is_told_and_not_refused() -> None:
    resolution = resolved({"a 2.0": "cp312-cp312-manylinux_2_28_x86_64", "a 1.0": []}, ["a"])
    assert resolution.warnings == ("a 2.0 is passed over for 1.0: no wheel of it suits (its wheels are for cp312)",)
    assert refusal(resolution) == ""


def test_one_line_tells_of_a_project_with_many_releases_that_have_to_be_built() -> None:
    universe = {**{f"a {number}.0": "build" for number in range(2, 9)}, "a 1.0": []}
    resolution = resolved(universe, ["a"])
    assert len(resolution.warnings) == 1
    assert resolution.warnings[0].startswith("a 8.0 is passed over for 1.0: it has to be built")


def test_newer_release_that_conflicts_anyway_is_not_passed_over_for_its_build() -> None:
    universe = {"a 2.0": "build", "a 1.0": [], "b 1.0": ["a<2"]}
    assert resolved(universe, ["a", "b"]).passed_over == ()


def test_release_that_only_backtracking_met_is_not_told() -> None:
    universe = {"a 1.0": ["b<2"], "b 2.0": [], "b 1.0": ["c"], "c 0.5": "build", "c 1.0": []}
    assert resolved(universe, ["a"]).passed_over == ()


@pytest.mark.parametrize(
    ("version", "newest", "older"),
    [
        ("0.11.3", "1.3.8", True),
        ("0.10.11", "0.27.35", True),
        ("1.3.3.3", "1.4.2", False),
        ("0.27.1", "0.27.35", False),
        ("0.0.4", "0.1.2", True),
        ("0.0.4", "0.0.5", True),
        ("2023.9", "2024.1", True),
        ("1.0", "1!0.5", True),
        ("0.0", "0.0", False),
        ("1", "1.0.1", False),
    ],
)
def test_series_is_the_release_up_to_the_first_number_that_is_not_zero(version: str, newest: str, older: bool) -> None:
    assert is_older_series(Version(version), Version(newest)) == older


def test_nothing_counts_that_projects_need_where_pins_are_locked_as_they_are() -> None:
    universe = {"a 1.0": ["b>=2", "c"], "b 1.0": [], "b 2.0": [], "d 1.0": "build"}
    resolution = resolved(universe, ["a==1.0", "b==1.0", "d==1.0"], as_is=True)
    assert {pin.name: (str(pin.version), pin.dependencies) for pin in resolution.pins} == {
        "a": ("1.0", ("b",)),
        "b": ("1.0", ()),
        "d": ("1.0", ()),
    }
