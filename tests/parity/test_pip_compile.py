"""The classic cases of pip-compile, done by the real pip-compile and by lockml: the same pins, askers and hashes."""

from collections.abc import Callable, Iterator

import pytest

from tests.made.indexes import Served
from tests.made.servers import serve
from tests.parity.cases import ALL, CASES, DIFFERENCES, FAILING
from tests.parity.tools import Both, Ran, compile_with_both, serve_case

pytestmark = pytest.mark.loopback

Compiled = Callable[[str], Both]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compiled]:
    """Give what both tools make of a case, by its name; they run once for each."""
    served = Served()
    for name, case in ALL.items():
        serve_case(served, name, case)
    done: dict[str, Both] = {}
    with serve(served) as url:

        def once(name: str) -> Both:
            if name not in done:
                done[name] = compile_with_both(name, ALL[name], folder=tmp_path_factory.mktemp(name), url=url)
            return done[name]

        yield once


def askers(ran: Ran) -> dict[str, list[str]]:
    return {name: sorted(locked.askers) for name, locked in (ran.locked or {}).items()}


@pytest.mark.parametrize("name", CASES)
def test_pins_are_those_of_pip_compile(compiled: Compiled, name: str) -> None:
    both = compiled(name)
    assert both.theirs.pins == CASES[name].pins, both.theirs.err
    assert both.ours.pins == CASES[name].pins, both.ours.err


@pytest.mark.parametrize("name", CASES)
def test_askers_are_those_of_pip_compile(compiled: Compiled, name: str) -> None:
    both = compiled(name)
    assert askers(both.ours) == askers(both.theirs)
    assert all(askers(both.ours).values())


@pytest.mark.parametrize("name", CASES)
def test_hashes_are_some_of_those_of_pip_compile(compiled: Compiled, name: str) -> None:
    both = compiled(name)
    assert both.ours.locked
    assert both.theirs.locked
    for project, locked in both.ours.locked.items():
        assert locked.hashes
        assert locked.hashes <= both.theirs.locked[project].hashes


def test_hashes_are_left_out_of_files_that_do_not_suit(compiled: Compiled) -> None:
    """Wheels of other targets, and the sdist where a wheel suits; pip-compile lists them all."""
    both = compiled("several-files-of-a-release")
    counts = [{n: len(found.hashes) for n, found in (ran.locked or {}).items()} for ran in (both.theirs, both.ours)]
    assert counts == [{"app": 3, "lib": 2}, {"app": 1, "lib": 2}]


def test_constraint_files_are_not_named_as_askers(compiled: Compiled) -> None:
    """They bound versions without asking for projects; pip-compile names them among the askers."""
    both = compiled("constraints")
    bounds = [{n: set(found.bounds) for n, found in (ran.locked or {}).items()} for ran in (both.theirs, both.ours)]
    assert bounds == [
        {"app": set(), "lib": {"-c limits/all.txt"}, "tool": {"-c more.txt"}},
        {"app": set(), "lib": set(), "tool": set()},
    ]


@pytest.mark.parametrize("name", DIFFERENCES)
def test_pins_differ_from_pip_compile_where_lockml_means_to(compiled: Compiled, name: str) -> None:
    both, difference = compiled(name), DIFFERENCES[name]
    assert both.theirs.pins == difference.case.pins, both.theirs.err
    assert both.ours.pins == difference.ours, f"{difference.reason}\n{both.ours.err}"
    assert difference.subject in both.theirs.err


@pytest.mark.parametrize("name", FAILING)
def test_both_fail_and_write_nothing_when_nothing_fits(compiled: Compiled, name: str) -> None:
    both = compiled(name)
    assert both.theirs.code != 0
    assert both.ours.code == FAILING[name].code
    for ran in (both.theirs, both.ours):
        assert FAILING[name].subject in ran.err
        assert ran.locked is None


def test_both_write_no_pins_when_nothing_is_asked(compiled: Compiled) -> None:
    both = compiled("no-lines")
    assert [(ran.code, ran.locked) for ran in (both.theirs, both.ours)] == [(0, {}), (0, {})]
