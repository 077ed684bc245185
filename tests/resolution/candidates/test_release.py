from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.model import FileEntry, Project
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.candidates.release import Release, judge_files, judge_release
from lockml.resolution.model import Policy, parse_exemptions
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target


def judged(index: MemoryIndex, python: str = "3.11") -> Release | Rejection:
    project = index.project(canonicalize_name("pkg"))
    assert project is not None
    return judge_release(project, Version("1.0"), make_target(python), Policy())


def files_of(release: Release | Rejection) -> list[str]:
    assert isinstance(release, Release), release
    return [file.filename for file in release.files]


@pytest.mark.parametrize(
    ("python", "tag", "told"),
    [
        ("3.13t", "cp313-cp313-manylinux_2_17_x86_64", "its wheels are for cp313"),
        ("3.13", "cp313-cp313t-manylinux_2_17_x86_64", "its wheels are for cp313t"),
        ("3.13t", "cp313-cp313t-win_amd64", "its wheels are for win_amd64"),
        ("pypy3.10", "cp310-cp310-manylinux_2_17_x86_64", "its wheels are for cp310"),
    ],
)
def test_wheels_of_another_build_are_told_by_their_abi(python: str, tag: str, told: str) -> None:
    index = MemoryIndex()
    index.add("pkg", "1.0", tag=tag)
    rejection = judged(index, python)
    assert isinstance(rejection, Rejection)
    assert f"{rejection.reason} {rejection.detail}".rstrip().endswith(told)


def test_wheels_are_ordered_as_installers_prefer_them() -> None:
    index = MemoryIndex()
    for tag in (
        "py3-none-any",
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp38-abi3-manylinux_2_17_x86_64",
        "cp311-cp311-win_amd64",
        "cp311-cp311-manylinux_2_39_x86_64",
    ):
        index.add("pkg", "1.0", tag=tag)
    assert [name.removeprefix("pkg-1.0-").removesuffix(".whl") for name in files_of(judged(index))] == [
        "cp311-cp311-manylinux_2_28_x86_64",
        "cp311-cp311-manylinux_2_17_x86_64",
        "cp38-abi3-manylinux_2_17_x86_64",
        "py3-none-any",
    ]


def test_highest_build_number_comes_first() -> None:
    """PEP 427."""
    index = MemoryIndex()
    for build in ("", "2-", "10-"):
        index.add("pkg", "1.0", filename=f"pkg-1.0-{build}py3-none-any.whl")
    assert files_of(judged(index)) == [
        "pkg-1.0-10-py3-none-any.whl",
        "pkg-1.0-2-py3-none-any.whl",
        "pkg-1.0-py3-none-any.whl",
    ]


def test_sdist_is_left_out_when_a_wheel_suits() -> None:
    index = MemoryIndex()
    index.add("pkg", "1.0", filename="pkg-1.0.tar.gz")
    index.add("pkg", "1.0")
    assert files_of(judged(index)) == ["pkg-1.0-py3-none-any.whl"]


def test_sdist_counts_when_no_wheel_suits() -> None:
    index = MemoryIndex()
    index.add("pkg", "1.0", filename="pkg-1.0.tar.gz")
    index.add("pkg", "1.0", tag="cp311-cp311-win_amd64")
    assert files_of(judged(index)) == ["pkg-1.0.tar.gz"]


def test_file_without_a_hash_suits_as_it_can_be_hashed() -> None:
    index = MemoryIndex()
    index.add("pkg", "1.0", hashes={})
    assert files_of(judged(index)) == ["pkg-1.0-py3-none-any.whl"]


def test_yanked_file_does_not_count_beside_one_that_is_not() -> None:
    """PEP 592: files are yanked one by one."""
    index = MemoryIndex()
    index.add("pkg", "1.0", tag="cp311-cp311-manylinux_2_17_x86_64", yanked="bad build")
    index.add("pkg", "1.0")
    release = judged(index)
    assert files_of(release) == ["pkg-1.0-py3-none-any.whl"]
    assert isinstance(release, Release)
    assert release.yanked is None


def test_unreadable_requires_python_does_not_bound() -> None:
    index = MemoryIndex()
    index.add("pkg", "1.0", requires_python="3.x or so")
    assert files_of(judged(index)) == ["pkg-1.0-py3-none-any.whl"]


@pytest.mark.parametrize(
    ("moment", "url", "counts"),
    [
        ("2024-01-01T00:00:00Z", "https://files.example/pkg-1.0.tar.gz", True),
        ("2025-01-01T00:00:00Z", "https://files.example/pkg-1.0.tar.gz", False),
        (None, "https://files.example/pkg-1.0.tar.gz", False),
        (None, "file:///wheels/pkg-1.0.tar.gz", True),
        ("2025-01-01T00:00:00Z", "file:///wheels/pkg-1.0.tar.gz", False),
        ("0001-01-01T00:00:00+23:59", "https://files.example/pkg-1.0.tar.gz", False),
        ("9999-12-31T23:59:59-23:59", "https://files.example/pkg-1.0.tar.gz", False),
    ],
)
def test_file_counts_where_it_was_there_at_the_date(moment: str | None, url: str, counts: bool) -> None:
    """PEP 700; a folder of the user's tells no times, and another zone may be beyond the ends of time."""
    entry = FileEntry(filename="pkg-1.0.tar.gz", url=url, hashes={"sha256": "a" * 64}, upload_time=moment)
    name, version = canonicalize_name("pkg"), Version("1.0")
    project = Project(name=name, index_url="", releases={version: (entry,)})
    policy = Policy(exclude_newer=datetime(2024, 8, 15, tzinfo=UTC))
    assert isinstance(judge_release(project, version, make_target(), policy), Release) == counts


def test_what_is_exempt_of_a_date_counts_by_its_project_or_its_index() -> None:
    index = MemoryIndex()
    index.add("a", "1.0", upload_time="2024-09-01T00:00:00Z")
    index.add("a", "2.0")
    page = index.project(canonicalize_name("a"))
    assert page is not None
    date = datetime(2024, 8, 15, tzinfo=UTC)
    for words, expected in [((), 0), (("b",), 0), (("a",), 2), (("*",), 2), (("x,A*",), 2), (("a", ":none:"), 0)]:
        policy = Policy(exclude_newer=date, exempt=parse_exemptions(words))
        judged = [judge_release(page, version, make_target(), policy) for version in page.releases]
        assert sum(isinstance(each, Release) for each in judged) == expected


def test_an_index_is_exempt_by_any_way_of_writing_its_address() -> None:
    exempt = parse_exemptions(["index:HTTPS://u:pw@Index.example:443/simple"])
    assert exempt.words == ("index:https://index.example/simple/",)
    assert parse_exemptions(exempt.words) == exempt
    assert exempt.covers(canonicalize_name("a"), "https://index.example/simple/")
    assert not exempt.covers(canonicalize_name("a"), "https://index.example/simple2/")
    assert not exempt.covers(canonicalize_name("a"))


TAGS = st.builds(
    "{}-{}-{}".format,
    st.sampled_from(["py3", "py2.py3", "cp311", "CP311", "cp310", "2-py3", "x-py3"]),
    st.sampled_from(["none", "abi3", "cp311", "cp310.cp311"]),
    st.sampled_from(["any", "win_amd64", "manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux_2_39_x86_64"]),
)
NAMES = TAGS.map("pkg-1.0-{}.whl".format) | st.sampled_from(["pkg-1.0.tar.gz", "pkg-1.0.zip", "pkg-1.0-py3.whl", "pkg"])
ENTRIES = st.lists(
    st.builds(
        FileEntry,
        filename=NAMES,
        url=st.just("https://files.example/f"),
        hashes=st.just({"sha256": "a" * 64}),
        requires_python=st.sampled_from([None, ">=3.12", "<3.12"]),
        upload_time=st.sampled_from([None, "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
        yanked=st.sampled_from([None, "", "bad"]),
        fault=st.sampled_from(["", "", "it has no address"]),
    ),
    max_size=5,
).map(tuple)


@pytest.mark.slow
@given(ENTRIES, st.booleans())
def test_release_is_judged_as_it_is_where_each_file_is_looked_at(entries: tuple[FileEntry, ...], dated: bool) -> None:
    name, version = canonicalize_name("pkg"), Version("1.0")
    project = Project(name=name, index_url="", releases={version: entries})
    policy = Policy(exclude_newer=datetime(2024, 8, 15, tzinfo=UTC) if dated else None)
    fast = judge_release(project, version, make_target(), policy)
    slow = judge_files(project, version, entries, make_target(), policy, frozenset())
    assert type(fast) is type(slow)
    assert msgspec.structs.astuple(fast) == msgspec.structs.astuple(slow)


def test_file_that_a_hash_is_told_of_is_one_that_installs_here() -> None:
    index = MemoryIndex()
    for tag in ("cp311-cp311-macosx_11_0_arm64", "cp311-cp311-manylinux_2_17_x86_64"):
        index.add("pkg", "1.0", tag=tag)
    project = index.project(canonicalize_name("pkg"))
    assert project is not None
    allowed = frozenset({frozenset({f"sha256:{'0' * 64}"})})
    rejection = judge_release(project, Version("1.0"), make_target("3.11"), Policy(), allowed)
    assert isinstance(rejection, Rejection)
    assert rejection.kind == "hash"
    assert "manylinux" in rejection.detail
