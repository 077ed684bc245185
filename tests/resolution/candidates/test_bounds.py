import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from lockml.resolution.candidates.bounds import parse_bound

_RELEASES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["0.9", "1", "1.0", "1.4", "1.4.0", "1.4.5", "1.5", "2.0", "2.0.1", "1!0.5"]),
    st.sampled_from(["", "a1", "b2", "rc1"]),
    st.sampled_from(["", ".post1"]),
    st.sampled_from(["", ".dev1"]),
)
_LOCALS = st.sampled_from(["", "", "+cpu", "+cu121"])
_VERSIONS = st.builds("{}{}".format, _RELEASES, _LOCALS).map(Version)
_ORDERED = st.builds("{}{}".format, st.sampled_from(["<", "<=", ">", ">="]), _RELEASES)
_EQUAL = st.builds("{}{}{}".format, st.sampled_from(["==", "!="]), _RELEASES, _LOCALS)
_PREFIX = st.builds("{}{}.*".format, st.sampled_from(["==", "!="]), st.sampled_from(["0", "1", "1.4", "2.0"]))
_ABOUT = st.builds("~={}".format, st.sampled_from(["1.0", "1.4", "1.4.0", "1.4.5", "2.0a1", "1.4.post1"]))
_SPECIFIERS = st.lists(st.one_of(_ORDERED, _EQUAL, _PREFIX, _ABOUT), max_size=3).map(",".join)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(st.sets(_VERSIONS, max_size=25), _SPECIFIERS)
def test_window_and_what_it_leaves_open_are_what_the_specifier_admits(versions: set[Version], text: str) -> None:
    ordered = sorted(versions, reverse=True)
    bound = parse_bound(text)
    start, stop = bound.window(ordered)
    found = [version for version in ordered[start:stop] if bound.contiguous or bound.admits(version)]
    assert found == [version for version in ordered if SpecifierSet(text).contains(version, prereleases=True)]


def test_bound_knows_whether_it_pins_and_whether_it_limits() -> None:
    assert (
        parse_bound("==1.0").pins,
        parse_bound("===1.0").pins,
        parse_bound("==1.*").pins,
        parse_bound(">=1").pins,
    ) == (
        True,
        True,
        False,
        False,
    )
    assert [parse_bound(text).limits for text in ("<2", "~=1.4", "==1.*", ">=1", "!=1", "")] == [True] * 3 + [False] * 3
    assert parse_bound(">=1,<2") is parse_bound(">=1,<2")
