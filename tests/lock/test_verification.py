from dataclasses import replace as replaced
from pathlib import Path

import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import LockError
from lockml.index.model import DistributionFile
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.model import Lock, LockedArtifact, LockedTool
from lockml.lock.verification import disputed_wheels, hold_against, is_same, locked_wheels, unplaced_tools
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of, signed

WHEEL = "model-1.0-py3-none-any.whl"
IDENTITY = ArtifactIdentity(digest="a" * 64, scripts=("run",), rewritten={"run": "sha256=x"})


def lock_with(identity: ArtifactIdentity | str | None = IDENTITY) -> Lock:
    index = MemoryIndex()
    index.add("model", "1.0", ["numpy"])
    index.add("numpy", "1.26.4")
    identities: dict[str, ArtifactIdentity | str] = {"numpy-1.26.4-py3-none-any.whl": ArtifactIdentity(digest="b" * 64)}
    return lock_of(index, "model", identities=identities | ({WHEEL: identity} if identity is not None else {}))


def wheels(lock: Lock) -> tuple[DistributionFile, ...]:
    return locked_wheels(lock, Path("/work"), "pylock.toml")


def test_wheels_are_where_the_lock_says_with_the_hashes_that_it_has() -> None:
    first, second = wheels(lock_with())
    assert (first.filename, first.project, str(first.version)) == (WHEEL, "model", "1.0")
    assert first.entry.url == f"https://files.example/{WHEEL}"
    assert first.sha256 is not None
    assert second.filename.startswith("numpy")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("\nsha256 = ", "\nmd5 = ", "has no hash"),
        ('name = "model-1.0-py3-none-any.whl"', 'name = "model.whl"', "is no|is none"),
    ],
)
def test_lock_that_does_not_say_what_to_fetch_is_refused(old: str, new: str, problem: str) -> None:
    text = signed(format_lock(lock_with()).replace(old, new))
    with pytest.raises(LockError, match=problem):
        wheels(parse_lock(text.encode(), "pylock.toml"))


def test_wheel_that_holds_is_marked_and_nothing_else_changes() -> None:
    lock = lock_with()
    held = hold_against(lock, {WHEEL: replace(IDENTITY, verified=True)})
    assert (held.deviations, held.verified) == ((), 1)
    before, after = format_lock(lock).splitlines(), format_lock(held.lock).splitlines()
    changed = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert [new for _, new in changed if not new.startswith("lock-sha256")] == ["verified = true"]
    assert hold_against(held.lock, {}).lock == held.lock


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            replace(IDENTITY, digest="c" * 64),
            f"has record-sha256 {'a' * 64}, but the wheel has record-sha256 {'c' * 64}",
        ),
        (replace(IDENTITY, scripts=("run", "more")), "with the scripts run, more, run (sha256=x)"),
        (replace(IDENTITY, rewritten={"run": "sha256=y"}), "with the scripts run, run (sha256=y)"),
        ("it is not a wheel", "but the wheel has nothing: it is not a wheel"),
    ],
)
def test_wheel_that_does_not_hold_is_a_deviation(found: ArtifactIdentity | str, told: str) -> None:
    (deviation,) = hold_against(lock_with(), {WHEEL: found}).deviations
    assert str(deviation).startswith(f"model 1.0: {WHEEL}: the lock has record-sha256 {'a' * 64}")
    assert told in str(deviation)


@pytest.mark.parametrize("before", ["the index lists it but does not have it", None])
def test_wheel_whose_identity_was_not_known_gets_it(before: str | None) -> None:
    held = hold_against(lock_with(before), {WHEEL: replace(IDENTITY, verified=True)})
    assert held.deviations == ()
    (artifact,) = held.lock.artifacts[canonicalize_name("model")]
    assert artifact.identity == replace(IDENTITY, verified=True)
    again = parse_lock(format_lock(held.lock).encode(), "pylock.toml")
    assert again.artifacts == held.lock.artifacts


def test_wheel_that_cannot_be_proven_stays_so() -> None:
    lock = lock_with("its RECORD is no proof")
    assert hold_against(lock, {WHEEL: "its RECORD is no proof"}).lock == lock


def test_only_what_the_lock_says_otherwise_of_the_same_bytes_is_disputed() -> None:
    lock = lock_with()
    same = wheels(lock)
    other = {WHEEL: replace(IDENTITY, digest="c" * 64)}
    assert [each.filename for each in disputed_wheels(lock, same, other)] == [WHEEL]
    assert not disputed_wheels(lock, same, {WHEEL: replace(IDENTITY, verified=True)})
    assert [each.filename for each in disputed_wheels(lock, same, {WHEEL: "it has no RECORD"})] == [WHEEL]
    assert not disputed_wheels(lock, same, {})
    elsewhere = [replace(each, entry=replace(each.entry, hashes={"sha256": "0" * 64})) for each in same]
    assert not disputed_wheels(lock, elsewhere, other)


def test_identities_are_the_same_whether_verified_or_not() -> None:
    assert is_same(IDENTITY, replace(IDENTITY, verified=True))
    assert not is_same(IDENTITY, None)
    assert not is_same("unknown", "unknown")


MODEL = canonicalize_name("model")
FORGED = replace(IDENTITY, digest="e" * 64, verified=True)


def edited(lock: Lock, old: str, new: str) -> bytes:
    """Return the text of *lock* with a change, and with the digest that it then has."""
    return signed(format_lock(lock).replace(old, new, 1)).encode()


@pytest.mark.parametrize("wheel", ["model-1.0-1-py3-none-any.whl", WHEEL])
def test_lock_that_says_what_no_wheel_of_it_installs_is_refused(wheel: str) -> None:
    """Nothing could be held against it, and an installed RECORD that is the same would be proven."""
    more = f'wheel = "{wheel}"\nrecord-sha256 = "{"e" * 64}"\nverified = true\n\n[[packages.tool.lockml.artifacts]]\n'
    content = edited(lock_with(), f'wheel = "{WHEEL}"', f'{more}wheel = "{WHEEL}"')
    with pytest.raises(LockError, match="that is not one of its wheels, or is there twice"):
        parse_lock(content, "pylock.toml")


def test_lock_whose_artifact_has_no_name_of_a_wheel_is_refused() -> None:
    with pytest.raises(LockError, match="names a file that is not a wheel"):
        parse_lock(edited(lock_with(), f'wheel = "{WHEEL}"', 'wheel = "model"'), "pylock.toml")


def test_every_identity_that_the_lock_tells_of_a_wheel_is_held_against_it() -> None:
    lock = lock_with()
    both = tuple(LockedArtifact(wheel=WHEEL, identity=each) for each in (FORGED, IDENTITY))
    found = {WHEEL: replace(IDENTITY, verified=True)}
    (deviation,) = hold_against(replace(lock, artifacts={**lock.artifacts, MODEL: both}), found).deviations
    assert deviation.locked == f"record-sha256 {'e' * 64}"


def test_lock_with_two_hashes_of_one_wheel_is_refused() -> None:
    lock = lock_with()
    first = lock.pylock.packages[0]
    (wheel,) = first.wheels or ()
    other = replaced(first, wheels=[replaced(wheel, hashes={"sha256": "0" * 64})])
    pylock = replaced(lock.pylock, packages=[*lock.pylock.packages, other])
    with pytest.raises(LockError, match="two hashes for model"):
        wheels(replace(lock, pylock=pylock))
    assert len(wheels(replace(lock, pylock=replaced(pylock, packages=[*lock.pylock.packages, first])))) == 2


def test_tool_without_a_place_is_never_verified() -> None:
    tool = LockedTool(name=canonicalize_name("pip"), version="99", wheel="pip-99-py3-none-any.whl", identity=FORGED)
    lock = replace(lock_with(), tools=(tool, replace(tool, url="https://files.example/pip", sha256="0" * 64)))
    assert unplaced_tools(lock) == (tool,)
    held = hold_against(lock, {})
    assert [each.identity.verified for each in held.lock.tools] == [False, True]
