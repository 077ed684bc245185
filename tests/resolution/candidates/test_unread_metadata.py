"""Requires-Dist and Requires-Python that are none: told, and refused only where they count."""

from collections.abc import Sequence

import pytest

from lockml.common.errors import NoResolutionError
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

LEGACY = 'leaf (>=1.0.*) ; extra == "old"'


def resolved(index: MemoryIndex, *lines: str) -> Resolution:
    asked = read_requirement_files(("a.in",), read=lambda _: "\n".join(lines).encode(), environment={})
    return resolve(asked, make_target(), index, policy=Policy(), preferences=Preferences())


def pins(found: Resolution) -> dict[str, str]:
    return {str(pin.name): str(pin.version) for pin in found.pins}


def index_of(requires: Sequence[str], *, versions: Sequence[str] = ("1.0",)) -> MemoryIndex:
    """Return an index whose newest `app` needs what *requires* say, the others nothing."""
    index = MemoryIndex()
    for version in versions:
        last = version == versions[-1]
        index.add("app", version, requires if last else (), extras=("old", "new"))
    index.add("leaf", "1.1")
    return index


def test_bad_requirement_of_an_extra_that_nobody_asks_for_is_told_and_does_not_count() -> None:
    found = resolved(index_of([LEGACY, "leaf"]), "app[new]")
    assert pins(found) == {"app": "1.0", "leaf": "1.1"}
    assert found.warnings == (
        "app 1.0 is locked, as nothing needs the part of its metadata that cannot be read: "
        "'leaf (>=1.0.*) ; extra == \"old\"' is not "
        "a requirement (.* suffix can only be used with `==` or `!=` operators): pip before 24.1 installs the release, "
        "pip 24.1 and newer refuse it, uv may repair it",
    )


@pytest.mark.parametrize("line", ["app[old]", "app[new,old]"])
def test_release_is_refused_when_the_extra_is_asked_for(line: str) -> None:
    with pytest.raises(NoResolutionError) as caught:
        resolved(index_of([LEGACY]), line)
    assert "app 1.0: what its extra 'old' needs cannot be read: 'leaf (>=1.0.*)" in caught.value.explanation
    assert "pip before 24.1 installs the release" in caught.value.explanation


def test_release_is_refused_when_the_extra_is_asked_for_by_another() -> None:
    index = index_of([LEGACY])
    index.add("top", "1.0", ["app[old]"])
    with pytest.raises(NoResolutionError, match="what its extra 'old' needs cannot be read"):
        resolved(index, "top")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("requirement", "counts"),
    [
        ("leaf (>=1.0.*)", True),
        ('leaf (>=1.0.*); python_version >= "3.8"', True),
        ('leaf (>=1.0.*); python_version < "3"', False),
        ('leaf (>=1.0.*); extra == "old" and python_version < "3"', False),
        ('leaf (>=1.0.*); extra == "old" or python_version >= "3"', True),
        ("leaf (>=1.0.*); extra = 'old'", True),
        ("leaf @ not an address; extra == 'old'", True),
    ],
)
def test_bad_requirement_counts_where_its_marker_says_so_or_cannot(requirement: str, *, counts: bool) -> None:
    index = index_of([requirement])
    if not counts:
        assert pins(resolved(index, "app")) == {"app": "1.0"}
        return
    with pytest.raises(NoResolutionError, match="its metadata cannot be read"):
        resolved(index, "app")


@pytest.mark.parametrize("line", ["app", "app[old]"])
def test_newer_release_that_is_passed_over_for_it_is_told(line: str) -> None:
    requirement = LEGACY if line == "app[old]" else 'leaf (>=1.0.*); python_version >= "3"'
    found = resolved(index_of([requirement], versions=("1.0", "1.1")), line)
    assert pins(found) == {"app": "1.0"}
    assert any(warning.startswith("app 1.1 is passed over for 1.0: ") for warning in found.warnings)


@pytest.mark.parametrize(
    ("requirement", "told"),
    [
        ("leaf (>dev)", "pip before 24.1 installs the release"),
        ("leaf[a,b]>=1.0.*,<2", "pip before 24.1 installs the release"),
        ('leaf>=1.0 python_version<"3"', "refuse the release"),
        ("!", "refuse the release"),
    ],
)
def test_refusal_says_which_pips_install_the_release(requirement: str, told: str) -> None:
    with pytest.raises(NoResolutionError) as caught:
        resolved(index_of([requirement]), "app")
    assert told in caught.value.explanation
    assert "pip 24.1 and newer refuse" in caught.value.explanation


def test_long_text_that_is_no_requirement_is_cut() -> None:
    with pytest.raises(NoResolutionError) as caught:
        resolved(index_of([f"leaf{' ' * 100_000}x"]), "app")
    assert len(caught.value.explanation) < 2_000


@pytest.mark.parametrize(("count", "warnings"), [(3, 3), (20, 1)])
def test_many_of_a_kind_are_one_warning_with_a_count(count: int, warnings: int) -> None:
    index = MemoryIndex()
    names = [f"app{number}" for number in range(count)]
    for name in names:
        text = metadata_text(name, "1.0", [LEGACY], extras=["old"], requires_python=">=3.6.*")
        index.add(name, "1.0", metadata=text)
    found = resolved(index, *names)
    assert len(found.warnings) == 2 * warnings
    if warnings == 1:
        assert [warning.split()[0] for warning in found.warnings] == ["20", "20"]
        assert all(warning.endswith(" and 17 more") for warning in found.warnings)
