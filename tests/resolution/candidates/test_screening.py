"""The releases within bounds, in order, the same for every thread that asks."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name
from packaging.version import Version

from lockml.index.model import Project
from lockml.resolution.candidates.bounds import Bound, parse_bound
from lockml.resolution.candidates.finder import CandidateFinder
from lockml.resolution.candidates.problem import Problem
from lockml.resolution.candidates.rejections import Rejection
from lockml.resolution.candidates.release import Release
from lockml.resolution.candidates.screening import Screen
from lockml.resolution.model import Policy, Preferences, parse_selection
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target

NAMES = tuple(canonicalize_name(name) for name in "abcd")
BOUNDS = ("", ">=3", "<5", "!=4.0", ">=2,<7", "==6.0", "~=3.0", ">=8", "<3,!=2.0")
THREADS = 8


@pytest.fixture
def frequent_switches() -> Iterator[None]:
    """Let threads take turns after almost every instruction, so that what is not locked shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-7)
    yield
    sys.setswitchinterval(usual)


def made_index() -> MemoryIndex:
    index = MemoryIndex()
    for name in NAMES:
        for number in range(1, 10):
            uploaded = f"2024-0{number}-01T00:00:00.000000Z"
            index.add(name, f"{number}.0", upload_time=uploaded, yanked=number == 6)
            index.add(name, f"{number}.5rc1", upload_time=uploaded)
            index.add(name, f"{number}.1", tag="cp39-cp39-win_amd64", upload_time=uploaded)
    return index


def make_problem(index: MemoryIndex) -> Problem:
    return Problem(
        index=index,
        target=make_target(),
        policy=Policy(exclude_newer=datetime(2024, 8, 15, tzinfo=UTC)),
        preferences=Preferences(versions={NAMES[1]: Version("4.0")}, lowest=frozenset({NAMES[2]})),
        constraints={},
        prerelease_names=frozenset({NAMES[3]}),
        named_by_user=frozenset(NAMES),
        pinned_by_user=frozenset(),
        overrides={},
        allowed_hashes={},
    )


def questions(index: MemoryIndex, seed: int) -> list[tuple[Project, Bound]]:
    projects = [project for name in NAMES if (project := index.project(name)) is not None]
    asked = [(project, parse_bound(text)) for project in projects for text in BOUNDS]
    return Random(seed).sample(asked, len(asked))


Answer = tuple[str, str, list[tuple[Version, Release | Rejection]]]


def screened(screen: Screen, index: MemoryIndex, seed: int) -> list[Answer]:
    answers = [
        (project.name, bound.text, [*screen.releases(project, [bound])]) for project, bound in questions(index, seed)
    ]
    return sorted(answers, key=lambda answer: answer[:2])


@pytest.mark.slow
@pytest.mark.usefixtures("frequent_switches")
def test_threads_that_screen_at_once_get_the_same_releases() -> None:
    """A release is equal only to itself: were one judged twice, nogoods of one would not count for the other."""
    for attempt in range(20):
        index = made_index()
        problem = make_problem(index)
        screen = Screen(problem)
        together = Barrier(THREADS)

        def screen_all(
            seed: int, screen: Screen = screen, index: MemoryIndex = index, barrier: Barrier = together
        ) -> list[Answer]:
            barrier.wait()
            return screened(screen, index, seed)

        with ThreadPoolExecutor(THREADS) as pool:
            first, *others = pool.map(screen_all, range(attempt, attempt + THREADS))
        assert all(other == first for other in others)
        alone = screened(Screen(problem), index, 0)
        assert [shown(answer) for answer in first] == [shown(answer) for answer in alone]


def shown(answer: Answer) -> tuple[str, str, list[str]]:
    """Return *answer* as texts, by which releases of different screens can be compared."""
    name, bound, releases = answer
    return name, bound, [str(judged) if isinstance(judged, Rejection) else str(judged.files) for _, judged in releases]


def test_searches_of_one_index_share_what_they_judge() -> None:
    """The trials of an explanation ask the same of the same pages; what else rules them is judged apart."""
    index = made_index()
    problem = make_problem(index)
    first = screened(Screen(problem), index, 0)
    again = replace(problem, policy=replace(problem.policy, max_rounds=7, strategy="lowest"))
    assert {id(each) for each in releases_in(screened(Screen(again), index, 0))} == {
        id(each) for each in releases_in(first)
    }
    for other in (
        replace(problem, target=make_target(python="3.12")),
        replace(problem, policy=replace(problem.policy, only_binary=parse_selection([":all:"]))),
    ):
        judged = releases_in(screened(Screen(other), index, 0))
        assert {id(each) for each in judged}.isdisjoint(id(each) for each in releases_in(first))


def releases_in(answers: list[Answer]) -> list[Release]:
    return [judged for _, _, releases in answers for _, judged in releases if isinstance(judged, Release)]


@pytest.mark.slow
@pytest.mark.usefixtures("frequent_switches")
def test_finder_is_not_disturbed_by_threads_that_prefetch() -> None:
    """The finder belongs to one thread; what threads screen meanwhile changes neither what it finds nor its reasons."""

    def find(finder: CandidateFinder, index: MemoryIndex) -> list[str]:
        lines: list[str] = []
        for project, bound in questions(index, 1):
            for exact in (False, True):
                releases = [str(release.version) for release in finder.releases(project.name, [bound], exact=exact)]
                lines.append(f"{project.name}{bound}: {releases}")
        return lines + [f"{name}: {sorted(finder.rejected_releases(name).items(), key=str)}" for name in NAMES]

    for attempt in range(20):
        index = made_index()
        quiet = CandidateFinder(make_problem(index))
        expected = find(quiet, index)
        finder = CandidateFinder(make_problem(index))
        with ThreadPoolExecutor(THREADS) as pool:
            others = [pool.submit(screened, finder.screen, index, attempt + seed) for seed in range(THREADS)]
            lines = find(finder, index)
            assert all(other.result() for other in others)
        assert lines == expected


@pytest.mark.slow
@pytest.mark.usefixtures("frequent_switches")
def test_threads_that_parse_a_bound_at_once_get_the_same() -> None:
    """A bound is equal only to itself too."""

    def parse(number: int) -> Bound:
        together.wait()
        return parse_bound(f">={number}.0")

    for number in range(7_000, 7_100):
        together = Barrier(THREADS)
        with ThreadPoolExecutor(THREADS) as pool:
            assert len(set(pool.map(parse, [number] * THREADS))) == 1


_MOMENTS = st.one_of(
    st.none(),
    st.builds(
        "2024-08-{:02}T{:02}:00:{:02}{}{}".format,
        st.sampled_from([14, 15, 16]),
        st.sampled_from([0, 23]),
        st.sampled_from([0, 1, 59]),
        st.sampled_from(["", ".000000", ".5", ".999999"]),
        st.sampled_from(["Z", "Z", "Z", "+00:00", "-03:00", ""]),
    ),
)
_LIMITS = st.builds(
    datetime,
    st.just(2024),
    st.just(8),
    st.just(15),
    second=st.sampled_from([0, 1]),
    microsecond=st.sampled_from([0, 1]),
).map(lambda moment: moment.replace(tzinfo=UTC))


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(_MOMENTS, min_size=1, max_size=2), min_size=1, max_size=6), _LIMITS)
def test_releases_that_are_seen_to_be_too_new_at_once_are_those_whose_files_are(
    uploads: list[list[str | None]], limit: datetime
) -> None:
    """The fast path compares the texts of a page, the slow one the moments of each file (PEP 700)."""
    index = MemoryIndex()
    for number, moments in enumerate(uploads):
        for place, moment in enumerate(moments):
            index.add("a", f"{number}.0", filename=f"a-{number}.0-{place}-py3-none-any.whl", upload_time=moment)
    page = index.project(NAMES[0])
    assert page is not None
    plain = replace(page, releases=dict(page.releases))
    problem = replace(make_problem(index), policy=Policy(exclude_newer=limit))
    fast = {version for version, judged in Screen(problem).releases(page, []) if isinstance(judged, Release)}
    slow = {version for version, judged in Screen(problem).releases(plain, []) if isinstance(judged, Release)}
    assert fast == slow
    assert not {page.versions[index] for index in Screen(problem).too_new(page)} & slow
