"""Any two environments: nothing is lost, nothing is made up, and nothing raises."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockml.drift.differences.model import Difference
from tests.made.differences import compared, difference, environment
from tests.made.trees import SITE

NAMES = st.sampled_from(["a", "b.py", "python3.11", "python3.12", "__pycache__", "c.cpython-311.pyc", "e\x1b\n\u202e"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: f"{SITE}/own/{'/'.join(names)}")
FILES = st.dictionaries(PATHS, st.sampled_from([b"", b"one", b"two", b"longer"]), max_size=8)
TARGETS = st.sampled_from(["/", "..", ".", "/srv", "/srv/x", "/proc", "/nowhere", f"{SITE}/own", "b.py", "python3.11"])
LINKS = st.dictionaries(PATHS, TARGETS, max_size=4)


def without_clashes(files: dict[str, bytes]) -> dict[str, bytes]:
    """Leave out files below other files."""
    return {path: each for path, each in files.items() if not any(path.startswith(f"{other}/") for other in files)}


def reported(found: Difference) -> set[tuple[str, str]]:
    return {(each.kind, each.path) for group in found.groups for each in group.changes}


@pytest.mark.slow
@settings(max_examples=60)
@given(FILES, FILES)
def test_files_that_differ_are_those_that_are_told(one: dict[str, bytes], two: dict[str, bytes]) -> None:
    one, two = without_clashes(one), without_clashes(two)
    found = difference(environment(one), environment(two), full=True)
    expected = {("added", path) for path in two.keys() - one.keys()}
    expected |= {("removed", path) for path in one.keys() - two.keys()}
    expected |= {("changed", path) for path in one.keys() & two.keys() if one[path] != two[path]}
    assert reported(found) == expected
    assert found.files == len(expected)
    assert not found.problems


@pytest.mark.slow
@settings(max_examples=60)
@given(FILES, LINKS, FILES, LINKS)
def test_links_of_any_kind_end_and_nothing_differs_from_itself(
    one: dict[str, bytes], links: dict[str, str], two: dict[str, bytes], others: dict[str, str]
) -> None:
    def side(files: dict[str, bytes], to: dict[str, str]) -> tuple[dict[str, bytes], dict[str, str]]:
        kept = without_clashes({**files, **dict.fromkeys(to, b"")})
        links_kept = {path: to[path] for path in to if path in kept}
        plain = {path: content for path, content in kept.items() if path not in links_kept}
        return environment(plain, {"/srv/x/m.py": b"x"}), links_kept

    (first, first_links), (second, second_links) = side(one, links), side(two, others)
    before = compared(first, links=first_links)
    after = compared(second, links=second_links)
    assert not difference(before, compared(first, links=first_links)).different
    forth, back = difference(before, after, full=True), difference(after, before, full=True)
    # what lies behind a link into its own folder may be told once more from one side: that something differs is not
    assert forth.different == back.different
