"""What a base asks of a lock that stands on it, and how that is held against it."""

from dataclasses import replace as replaced

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import InputError, NoResolutionError
from lockml.common.target import Target
from lockml.lock.build import build_lock
from lockml.lock.checks.base_locks import bounds_of, deviations_from, packages_digest, with_base_entries
from lockml.lock.checks.base_subset import needed_of
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseLock, Lock
from lockml.requirements.model import RequirementSet
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.targets import make_target

TARGETS = (make_target("3.11"), make_target("3.12"))


def asked_of(*lines: str) -> RequirementSet:
    content = "\n".join(lines).encode()
    return read_requirement_files(("requirements.in",), read=lambda _: content, environment={})


def lock_of(
    index: MemoryIndex, asked: RequirementSet, targets: tuple[Target, ...] = TARGETS, policy: Policy | None = None
) -> Lock:
    inputs = LockInputs(asked=asked, policy=policy or Policy())
    found = resolve_targets(asked, {target: Preferences() for target in targets}, index, policy=inputs.policy)
    wheels = [file for resolution in found for pin in resolution.pins for file in pin.files if file.kind == "wheel"]
    return parse_lock(format_lock(build_lock(found, index.identities(wheels), inputs)).encode(), "base.toml")


def base_of(lock: Lock, *relaxed: str, subset: bool = False) -> BaseLock:
    return BaseLock(path="base.toml", lock=lock, sha256=packages_digest(lock), relaxed=relaxed, subset=subset)


def on_base(index: MemoryIndex, base: BaseLock, *lines: str, targets: tuple[Target, ...] = TARGETS) -> Lock:
    bounds = bounds_of(base, targets)
    asked = asked_of(*lines)
    asked = replace(
        asked,
        requirements=(*asked.requirements, *bounds.requirements),
        constraints=(*asked.constraints, *bounds.constraints),
    )
    return with_base_entries(lock_of(index, asked, targets), base)


@pytest.fixture
def index() -> MemoryIndex:
    index = MemoryIndex()
    index.add("model", "1.0", ["numpy>=1", "old; python_version < '3.12'", "speed; extra == 'fast'"], extras=["fast"])
    index.add("numpy", "1.0")
    index.add("numpy", "2.0")
    index.add("old", "1.0")
    index.add("speed", "1.0")
    index.add("top", "1.0", ["numpy"])
    return index


def test_lock_on_a_base_has_its_pins_on_each_target_with_extras_and_markers(index: MemoryIndex) -> None:
    base = base_of(lock_of(index, asked_of("model[fast]", "numpy<2")))
    lock = on_base(index, base, "top")
    before = {str(package.name): str(package.version) for package in base.lock.pylock.packages}
    assert {package.name: str(package.version) for package in lock.pylock.packages} == {**before, "top": "1.0"}
    assert list(deviations_from(base, lock)) == []


def test_pin_that_overrides_brought_is_asked_for_by_itself(index: MemoryIndex) -> None:
    lock = lock_of(index, asked_of("model", "speed"))
    kept = [package for package in lock.pylock.packages if package.name != "model"]
    lone = replace(lock, pylock=replaced(lock.pylock, packages=kept))
    names = {each.name for each in bounds_of(base_of(lone), TARGETS).requirements}
    assert {"numpy", "old", "speed"} <= names


def test_other_files_versions_and_identities_are_deviations(index: MemoryIndex) -> None:
    base = base_of(lock_of(index, asked_of("model", "numpy<2")))
    lock = on_base(index, base, "top")
    newer = lock_of(index, asked_of("model", "numpy>=2", "top"))
    assert list(deviations_from(base, newer)) == ["numpy 1.0 of base.toml is locked as numpy 2.0"] * len(TARGETS)
    without = lock_of(index, asked_of("top"), TARGETS[1:])
    assert next(deviations_from(base, without)) == "model 1.0 of base.toml is not locked"
    name = canonicalize_name("numpy")
    other = replace(lock.artifacts[name][0], identity=ArtifactIdentity(digest="0" * 64))
    forged = replace(lock, artifacts={**lock.artifacts, name: (other,)})
    assert "numpy 1.0 of base.toml is locked with other identities" in list(deviations_from(base, forged))
    own = next(list(each.wheels or ()) for each in lock.pylock.packages if each.name == "numpy")
    for wheels in ([], [*own, replaced(own[0], name="numpy-1.0-1-py3-none-any.whl")]):
        packages = [replaced(each, wheels=wheels) if each.name == "numpy" else each for each in lock.pylock.packages]
        changed = replace(lock, pylock=replaced(lock.pylock, packages=packages))
        assert "numpy 1.0 of base.toml is locked with other files" in list(deviations_from(base, changed))


def test_verified_wheels_change_neither_the_digest_nor_what_is_the_same(index: MemoryIndex) -> None:
    lock = lock_of(index, asked_of("numpy"))
    content = format_lock(lock)
    assert "verified = false" in content
    document = replace(lock, sha256="")
    name = canonicalize_name("numpy")
    (artifact,) = lock.artifacts[name]
    assert artifact.identity is not None
    verified = replace(artifact, identity=replace(artifact.identity, verified=True))
    proven = replace(document, artifacts={name: (verified,)})
    assert list(deviations_from(base_of(proven), lock)) == []
    package = lock.pylock.packages[0]
    facts = {"lockml": {"artifacts": [{**each, "verified": True} for each in package.tool["lockml"]["artifacts"]]}}  # type: ignore[index]
    changed = replace(lock, pylock=replaced(lock.pylock, packages=[replaced(package, tool=facts)]))
    assert packages_digest(changed) == packages_digest(lock)
    other = replace(lock, pylock=replaced(lock.pylock, packages=[replaced(package, wheels=[])]))
    assert packages_digest(other) != packages_digest(lock)


def test_relaxed_projects_may_move_and_are_asked_for_still(index: MemoryIndex) -> None:
    base = base_of(lock_of(index, asked_of("model", "numpy<2")), "num*")
    lock = on_base(index, base, "top")
    package = lock.package(canonicalize_name("numpy"))
    assert package is not None
    assert str(package.version) == "2.0"
    assert list(deviations_from(base, lock)) == []


def test_subset_is_what_is_reached_on_the_targets_it_is_for(index: MemoryIndex) -> None:
    base = base_of(lock_of(index, asked_of("model", "top")), subset=True)

    def needed(*lines: str, targets: tuple[Target, ...] = TARGETS, policy: Policy | None = None) -> set[str]:
        return set(needed_of(base, LockInputs(asked=asked_of(*lines), policy=policy or Policy()), targets))

    assert needed("top") == {"top", "numpy"}
    assert needed("model") == {"model", "numpy", "old"}
    assert needed("model", targets=TARGETS[1:]) == {"model", "numpy"}
    assert needed("model", policy=Policy(as_is=True)) == {"model"}
    assert needed("gone; sys_platform == 'win32'", "top") == {"top", "numpy"}
    with pytest.raises(NoResolutionError, match=r"numpy<2 \(requirements.in:2\): base.toml has numpy 2.0"):
        needed("top", "numpy<2")
    with pytest.raises(NoResolutionError, match=r"model\[fast\] .* base.toml has it without these extras"):
        needed("model[fast]")
    with pytest.raises(InputError, match="has no project name"):
        needed("./folder")


def test_constraints_and_overrides_count_where_a_subset_has_their_project(index: MemoryIndex) -> None:
    base = base_of(lock_of(index, asked_of("model", "top")), subset=True)

    def needed(line: str, *, constraints: tuple[str, ...] = (), overrides: tuple[str, ...] = ()) -> set[str]:
        bounds = {"constraints": asked_of(*constraints).requirements, "overrides": asked_of(*overrides).requirements}
        return set(needed_of(base, LockInputs(asked=replace(asked_of(line), **bounds), policy=Policy()), TARGETS))

    forbidden = f"numpy --hash=sha256:{'0' * 64}"
    for bounds in ({"constraints": ("numpy<2",)}, {"overrides": ("numpy<2",)}):
        with pytest.raises(NoResolutionError, match=r"numpy<2 \(requirements.in:1\): base.toml has numpy 2.0"):
            needed("top", **bounds)
    for bounds in ({"constraints": (forbidden,)}, {"overrides": (forbidden,)}):
        with pytest.raises(NoResolutionError, match="has files of it that these hashes do not allow"):
            needed("top", **bounds)
    assert needed("top", overrides=("numpy; sys_platform == 'win32'",)) == {"top"}
    assert needed("top", overrides=("numpy>=2",)) == {"top", "numpy"}
    assert needed("top", constraints=("model<0",), overrides=("model<0",)) == {"top", "numpy"}


@st.composite
def universes(draw: st.DrawFn) -> MemoryIndex:
    """Return an index of eight projects of three releases each, which need some of each other."""
    index = MemoryIndex()
    bounds = st.sampled_from(["", ">=2", "<3", "!=2", "<2"])
    for number in range(8):
        for version in ("1", "2", "3"):
            needs = draw(st.lists(st.tuples(st.integers(0, 7), bounds), max_size=2))
            markers = draw(st.sampled_from(["", "; python_version < '3.12'"]))
            index.add(f"p{number}", version, [f"p{other}{bound}{markers}" for other, bound in needs])
    return index


@pytest.mark.slow
@settings(max_examples=60)
@given(index=universes(), one=st.integers(0, 7), other=st.integers(0, 7))
def test_every_lock_on_a_base_is_a_superset_with_the_same_entries_or_a_conflict(
    index: MemoryIndex, one: int, other: int
) -> None:
    try:
        base = base_of(lock_of(index, asked_of(f"p{one}")))
    except NoResolutionError:
        return
    try:
        lock = on_base(index, base, f"p{other}")
    except NoResolutionError:
        return
    assert list(deviations_from(base, lock)) == []
    again = on_base(index, base_of(lock), f"p{one}")
    assert [(each.name, each.version, each.wheels) for each in again.pylock.packages] == [
        (each.name, each.version, each.wheels) for each in lock.pylock.packages
    ]
    part = base_of(lock, subset=True)
    inputs = LockInputs(asked=asked_of(f"p{one}"), policy=Policy())
    assert needed_of(part, inputs, TARGETS) >= {package.name for package in base.lock.pylock.packages}
