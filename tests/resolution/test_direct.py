"""Requirements on URLs, folders and repositories, and on what those need in turn."""

import pytest

from lockml.common.errors import NoResolutionError, NotFoundError, RequirementError
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, Resolution
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

LIB = "git+https://x.example/lib.git"
OTHER = "git+https://x.example/other.git"


def asked_by(*lines: str, constraints: tuple[str, ...] = (), overrides: tuple[str, ...] = ()) -> RequirementSet:
    files = {"a.in": lines, "c.txt": constraints, "o.txt": overrides}

    def read(name: str) -> bytes:
        return "\n".join(files[name]).encode()

    asked = read_requirement_files(("a.in",), read=read, environment={}, constraints=("c.txt",))
    replacing = read_requirement_files(("o.txt",), read=read, environment={}).requirements
    return RequirementSet(requirements=asked.requirements, constraints=asked.constraints, overrides=replacing)


def resolved(index: MemoryIndex, asked: RequirementSet) -> Resolution:
    (found,) = resolve_targets(asked, {make_target(): Preferences()}, index, policy=Policy())
    return found


def pins(resolution: Resolution) -> dict[str, str]:
    return {pin.name: f"{pin.version}{' direct' if pin.source else ''}" for pin in resolution.pins}


def sample(*requires: str, version: str = "1.5") -> MemoryIndex:
    index = MemoryIndex()
    index.sources[LIB] = metadata_text("lib", version, requires, extras=("fast",))
    index.add("app", "1.0", ["lib>=1"])
    index.add("lib", "3.0")
    index.add("six", "1.0")
    index.add("speed", "1.0")
    return index


def test_what_the_reference_holds_is_taken_for_everybody() -> None:
    assert pins(resolved(sample("six"), asked_by("app", f"lib @ {LIB}"))) == {
        "app": "1.0",
        "lib": "1.5 direct",
        "six": "1.0",
    }


def test_extras_of_a_reference_bring_what_they_need() -> None:
    found = resolved(sample("speed ; extra == 'fast'"), asked_by(f"lib[fast] @ {LIB}"))
    assert pins(found) == {"lib": "1.5 direct", "speed": "1.0"}
    assert found.pins[0].extras == ("fast",)


def test_reference_counts_only_where_its_marker_holds() -> None:
    asked = asked_by("app", f"lib @ {LIB} ; sys_platform == 'win32'")
    assert pins(resolved(sample(), asked)) == {"app": "1.0", "lib": "3.0"}


def test_constraint_and_override_may_be_references() -> None:
    for asked in (asked_by("app", constraints=(f"lib @ {LIB}",)), asked_by("app", overrides=(f"lib @ {LIB}",))):
        assert pins(resolved(sample(), asked)) == {"app": "1.0", "lib": "1.5 direct"}


def test_reference_need_not_be_on_any_index() -> None:
    index = sample()
    index.sources[OTHER] = metadata_text("private", "0.1", [f"lib @ {LIB}"])
    assert pins(resolved(index, asked_by(f"private @ {OTHER}"))) == {"lib": "1.5 direct", "private": "0.1 direct"}


def test_reference_of_an_index_package_is_refused_unless_the_user_asks_for_it_too() -> None:
    index = sample()
    index.add("pulls", "1.0", [f"lib @ {LIB}"])
    index.add("pulls", "0.9", ["lib"])
    assert pins(resolved(index, asked_by("pulls"))) == {"lib": "3.0", "pulls": "0.9"}
    assert pins(resolved(index, asked_by("pulls", f"lib @ {LIB}"))) == {"lib": "1.5 direct", "pulls": "1.0"}


@pytest.mark.slow
def test_other_bound_that_the_reference_does_not_meet_is_a_conflict_that_is_told() -> None:
    with pytest.raises(NoResolutionError) as caught:
        resolved(sample(), asked_by("lib>=2", f"lib @ {LIB}"))
    assert caught.value.explanation.splitlines() == [
        "nothing satisfies all requirements for CPython 3.11 on linux/amd64, glibc-2.36",
        "  lib: no release satisfies",
        f"    lib @ {LIB}  (a.in:2)",
        "    lib>=2  (a.in:1)",
        f"    {LIB} holds lib 1.5",
        f"  these lines alone conflict: lib>=2 (a.in:1), lib @ {LIB} (a.in:2)",
        "  any of these changes makes everything resolve:",
        "    a.in:1: change lib>=2 to allow lib 1.5",
        f"    a.in:2: change lib @ {LIB} to allow lib 3.0",
    ]


def test_two_places_for_one_project_are_a_conflict() -> None:
    index = sample()
    index.sources[OTHER] = metadata_text("lib", "1.5")
    with pytest.raises(NoResolutionError) as caught:
        resolved(index, asked_by(f"lib @ {LIB}", f"lib @ {OTHER}"))
    assert f"these lines alone conflict: lib @ {LIB} (a.in:1), lib @ {OTHER} (a.in:2)" in caught.value.explanation


def test_every_line_whose_reference_cannot_be_used_is_told() -> None:
    index = sample()
    index.sources[OTHER] = metadata_text("other", "1.0")
    with pytest.raises(RequirementError) as caught:
        resolved(index, asked_by(f"wrong @ {OTHER}", "gone @ git+https://x.example/gone.git"))
    assert str(caught.value).splitlines() == [
        "a.in:2: git+https://x.example/gone.git cannot be used: there is no such thing",
        f"a.in:1: {OTHER} holds other, not wrong",
    ]


def test_unknown_project_is_told_beside_references() -> None:
    with pytest.raises(NotFoundError, match="'ghost'"):
        resolved(sample(), asked_by("ghost", f"lib @ {LIB}"))


def test_wheel_for_another_platform_is_told() -> None:
    index = sample()
    with pytest.raises(RequirementError, match="no such thing"):
        resolved(index, asked_by("lib @ https://x.example/lib-1.0-cp38-cp38-win_amd64.whl"))


@pytest.mark.parametrize(("digest", "taken"), [("a" * 64, True), ("b" * 64, False)])
def test_hash_behind_an_address_decides_as_pip_has_it(digest: str, taken: bool) -> None:
    address = "https://files.example/lib-1.0.tar.gz"
    index = MemoryIndex(sources={address: metadata_text("lib", "1.0")}, archives={address: "a" * 64})
    line = f"lib @ {address} --hash=sha256:{digest}"
    if taken:
        assert [str(pin.version) for pin in resolved(index, asked_by(line)).pins] == ["1.0"]
        return
    with pytest.raises(NoResolutionError, match="the inputs allow other hashes only; it has sha256:aaaaaaaa…"):
        resolved(index, asked_by(line))


def test_address_that_a_package_asks_for_is_told_with_the_line_to_add() -> None:
    index = MemoryIndex()
    index.add("app", "1.0", ["lib @ https://files.example/lib-1.0-py3-none-any.whl"])
    index.add("lib", "2.0")
    with pytest.raises(NoResolutionError) as caught:
        resolved(index, asked_by("app"))
    address = "https://files.example/lib-1.0-py3-none-any.whl"
    explanation = caught.value.explanation
    assert f"app 1.0: it needs lib from {address}, an address that no line of yours names\n" in explanation
    assert explanation.splitlines()[-2:] == [
        "  adding this line may resolve it, if you trust it:",
        f"    lib @ {address}  (needed by app 1.0)",
    ]
    assert "app  (a.in:1)" in caught.value.explanation


def test_requires_python_that_cannot_be_read_is_told_and_does_not_count() -> None:
    index = MemoryIndex()
    index.add("app", "1.0", metadata=metadata_text("app", "1.0", requires_python=">=3.6.*"))
    found = resolved(index, asked_by("app"))
    assert pins(found) == {"app": "1.0"}
    assert found.warnings == (
        "app 1.0 has the Requires-Python '>=3.6.*', which cannot be read and does not count, as in pip",
    )
