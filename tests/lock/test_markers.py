import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from lockml.common.target import parse_target
from lockml.lock.markers import marker_for, same_to_markers

P39 = parse_target("3.9-linux/amd64-glibc-2.31")
P312 = parse_target("3.12-linux/amd64-glibc-2.36")
ARM = parse_target("3.12-linux/arm64-glibc-2.36")
MUSL = parse_target("3.12-linux/amd64-musl-1.2")
MAC = parse_target("3.12-macos/arm64-14.0")
EXACT = parse_target("3.12.4-linux/amd64-glibc-2.36")
ALL = (P39, P312, ARM, MUSL, MAC)


@pytest.mark.parametrize(
    ("chosen", "marker"),
    [
        ((P39, P312, ARM, MUSL, MAC), None),
        ((P39, P312, ARM, MAC), None),
        ((P39,), "python_version == '3.9'"),
        ((MAC,), "sys_platform == 'darwin'"),
        ((ARM,), "platform_machine == 'aarch64'"),
        ((P39, P312), "platform_machine == 'x86_64'"),
        (
            (P39, MAC),
            "(python_version == '3.12' and sys_platform == 'darwin') or "
            "(python_version == '3.9' and sys_platform == 'linux')",
        ),
    ],
)
def test_marker_is_the_shortest_that_tells_the_targets_apart(chosen: tuple[object, ...], marker: str | None) -> None:
    assert marker_for(chosen, ALL) == marker  # type: ignore[arg-type]


PYPY = parse_target("pypy3.11-linux/amd64-glibc-2.36")
P311 = parse_target("3.11-linux/amd64-glibc-2.36")
P313, P313T = parse_target("3.13-linux/amd64-glibc-2.36"), parse_target("3.13t-linux/amd64-glibc-2.36")


def test_implementations_are_told_apart() -> None:
    """PEP 508: implementation_name."""
    assert marker_for((PYPY,), (P311, PYPY)) == "implementation_name == 'pypy'"
    assert marker_for((P311, P312), (P311, P312, PYPY)) == "implementation_name == 'cpython'"
    mixed = marker_for((PYPY, P312), (P311, P312, PYPY))
    assert mixed is not None
    assert [Marker(mixed).evaluate(each.environment) for each in (P311, P312, PYPY)] == [False, True, True]


def test_free_threaded_build_is_nothing_that_markers_know() -> None:
    assert same_to_markers(P313, P313T)
    assert marker_for((P313T,), (P313, P313T)) is None


def test_c_library_is_nothing_that_markers_know() -> None:
    assert same_to_markers(P312, MUSL)
    assert not same_to_markers(P312, ARM)


@pytest.mark.slow
@given(st.sets(st.sampled_from([P39, P312, ARM, MAC, EXACT]), min_size=1))
def test_marker_holds_on_the_chosen_and_on_no_other(chosen: set[object]) -> None:
    targets = (P39, P312, ARM, MAC, EXACT)
    marker = marker_for([target for target in targets if target in chosen], targets)
    for target in targets:
        holds = marker is None or Marker(marker).evaluate(target.environment)
        assert holds == (target in chosen)
