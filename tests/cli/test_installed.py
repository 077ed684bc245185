"""What is installed, as requirement lines: what nobody else has by that name is never looked up."""

from collections.abc import Mapping, Sequence

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lockml.cli.installed import InstalledProjects, describe_installed
from lockml.inventory.distributions import Declared
from lockml.inventory.model import DirectUrl, InstalledDistribution
from tests.made.targets import make_target

SITE = "/opt/venv/lib/python3.11/site-packages"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA256 = "ab" * 32


def installed(
    name: str, version: str = "1.0", source: DirectUrl | None = None, owner: str | None = None
) -> InstalledDistribution:
    return InstalledDistribution(
        name=canonicalize_name(name),
        version=version,
        folder=f"{SITE}/{name}-{version}.dist-info",
        site_folder=SITE,
        record=(),
        source=source,
        owner=owner,
    )


def described(
    distributions: Sequence[InstalledDistribution],
    requires: Mapping[str, Sequence[str]] | None = None,
    requested: Sequence[str] = (),
    excluded: Sequence[str] = (),
) -> InstalledProjects:
    declared = {
        each.folder: Declared(
            requested=each.name in requested, requires=tuple(map(Requirement, (requires or {}).get(each.name, ())))
        )
        for each in distributions
    }
    return describe_installed(distributions, declared, make_target(), frozenset(map(canonicalize_name, excluded)))


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (None, "a==1.0"),
        (
            DirectUrl(url="https://git.example/a.git", commit=COMMIT, vcs="git"),
            f"a @ git+https://git.example/a.git@{COMMIT}",
        ),
        (
            DirectUrl(url="https://git.example/a", commit=COMMIT, vcs="git", subdirectory="lib/a b"),
            f"a @ git+https://git.example/a@{COMMIT}#subdirectory=lib/a%20b",
        ),
        (
            DirectUrl(url="https://files.example/a-1.0.tar.gz", hashes={"sha256": SHA256}),
            f"a @ https://files.example/a-1.0.tar.gz#sha256={SHA256}",
        ),
        (
            DirectUrl(url="https://user:secret@files.example/a-1.0-py3-none-any.whl"),
            "a @ https://files.example/a-1.0-py3-none-any.whl",
        ),
    ],
)
def test_line_says_where_a_project_came_from(source: DirectUrl | None, line: str) -> None:
    assert dict(described([installed("a", source=source)]).lines) == {"a": line}


@pytest.mark.parametrize(
    "source",
    [
        DirectUrl(url="file:///app"),
        DirectUrl(url="file:///wheels/a-1.0-py3-none-any.whl", hashes={"sha256": SHA256}),
        DirectUrl(url="file:///app", editable=True),
        DirectUrl(url="file:///src/a", commit=COMMIT, vcs="git"),
        DirectUrl(url="https://hg.example/a", commit=COMMIT, vcs="hg"),
        DirectUrl(url="https://git.example/a", commit="main --hash", vcs="git"),
        DirectUrl(url="https://files.example/page"),
        DirectUrl(url="ftp://files.example/a-1.0.zip"),
    ],
    ids=str,
)
def test_what_only_the_subject_has_is_left_out_and_asked_of_no_index(source: DirectUrl) -> None:
    found = described([installed("a", source=source)])
    if source.url == "https://files.example/page":
        assert dict(found.lines) == {"a": "a @ https://files.example/page"}  # compile refuses it by its name
        return
    assert (dict(found.lines), found.roots) == ({}, ())
    assert [(each.name, each.unindexed) for each in found.left_out] == [("a", True)]


def test_what_came_from_nobody_knows_where_is_asked_of_no_index() -> None:
    unread = [f"{installed('a').folder}/direct_url.json"]
    found = describe_installed([installed("a"), installed("b")], {}, make_target(), unread=unread)
    assert dict(found.lines) == {"b": "b==1.0"}
    assert [(each.name, each.unindexed) for each in found.left_out] == [("a", True)]


def test_packages_of_the_system_are_left_out_and_may_be_asked_for() -> None:
    found = described([installed("a", owner="Debian package python3-a"), installed("b")], {"b": ["a>=2"]})
    assert [(str(each), each.unindexed) for each in found.left_out] == [
        ("skipped a 1.0: managed by the Debian package python3-a", False)
    ]
    assert found.contradictions == ()


@pytest.mark.parametrize("version", ["1.0\x85evil==1", "1.0 --hash=sha256:00", "latest", "1" * 5_000])
def test_version_that_is_none_is_left_out(version: str) -> None:
    assert dict(described([installed("a", version)]).lines) == {}


def test_roots_are_what_was_requested_and_what_nothing_requires() -> None:
    installed_ones = [installed(name) for name in ("app", "lib", "numpy", "orphan", "win")]
    requires = {"app": ["lib", "numpy", "win; sys_platform == 'win32'"], "lib": ["numpy"]}
    assert described(installed_ones, requires, requested=["app", "numpy"]).roots == ("app", "numpy", "orphan", "win")
    assert described(installed_ones, requires).roots == ("app", "orphan", "win")


def test_what_an_extra_requires_is_no_root_where_somebody_asks_for_the_extra() -> None:
    installed_ones = [installed(name) for name in ("app", "lib", "speedups")]
    requires = {"app": ["lib[fast]"], "lib": ["speedups; extra == 'fast'"]}
    assert described(installed_ones, requires).roots == ("app",)
    assert described(installed_ones[1:], requires).roots == ("lib", "speedups")


def test_one_of_each_circle_is_a_root() -> None:
    found = described([installed("a"), installed("b"), installed("c")], {"a": ["b"], "b": ["a", "c"]})
    assert found.roots == ("a",)


def test_what_a_left_out_project_requires_is_a_root() -> None:
    mine = installed("mine", source=DirectUrl(url="file:///app"))
    found = described([mine, installed("numpy")], {"mine": ["numpy"]}, requested=["mine"])
    assert found.roots == ("numpy",)


def test_excluded_projects_are_left_out() -> None:
    found = described([installed("a"), installed("b")], {"a": ["b>=2"]}, excluded=["B"])
    assert (found.roots, found.contradictions) == (("a",), ())
    assert [str(each) for each in found.left_out] == ["skipped b 1.0: excluded"]


def test_contradictions_are_told_with_both_versions() -> None:
    found = described([installed("a"), installed("b")], {"a": ["b>=2", "absent"]})
    assert found.contradictions == ("a 1.0 requires b>=2, but 1.0 is installed",)


def test_requirement_whose_marker_compares_nonsense_does_not_apply() -> None:
    found = described([installed("a"), installed("b")], {"a": ["b>=2; python_version === 'x'", "b; os_name > '1'"]})
    assert found.contradictions == ()


def test_tools_and_leftovers_are_no_projects() -> None:
    leftover = InstalledDistribution(
        name=canonicalize_name("six"), version="1.0", folder=f"{SITE}/~ix-1.0.dist-info", site_folder=SITE, record=None
    )
    assert dict(described([installed("pip"), installed("setuptools"), leftover]).lines) == {}
