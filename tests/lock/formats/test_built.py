"""What a lock says of projects that an image builds, written and read again, and its requirement files."""

import tomllib

import pytest
import tomli_w
from msgspec.structs import replace
from packaging.utils import NormalizedName
from packaging.version import Version

from lockml.common.digest import ArtifactIdentity
from lockml.common.errors import LockError
from lockml.index.built import Built, parse_built
from lockml.lock.build import build_lock
from lockml.lock.formats.built import with_built, with_recorded
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.formats.requirements_txt import (
    format_build,
    format_requirements,
    format_sources,
    format_unhashed,
)
from lockml.lock.inputs import LockInputs
from lockml.lock.model import Lock, RecordedBuild
from lockml.lock.queries.difference import compare_locks
from lockml.lock.status.freshness import changes_since
from lockml.requirements.model import Origin, Requirement
from lockml.requirements.requirements_txt import parse_requirement, read_requirement_files
from lockml.resolution.model import Policy, Preferences
from lockml.resolution.resolver import resolve
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of, signed
from tests.made.targets import make_target
from tests.made.wheels import metadata_text

COMMIT = "c" * 40  # what MemoryIndex says of every repository
SHA256 = "b2" * 32
TARGET = make_target()
FLASH = parse_built(
    {
        "name": "flash-attn",
        "version": "2.6.3",
        "source": "git+https://git.example/flash-attention",
        "commit": COMMIT,
        "build-requires": ["ninja"],
    }
)
APEX = parse_built(
    {"name": "apex", "version": "0.1", "source": "https://files.example/apex-0.1.tar.gz", "sha256": SHA256}
)
RECORDED = RecordedBuild(
    name=FLASH.name,
    version=FLASH.version,
    wheel="flash_attn-2.6.3-cp311-cp311-linux_x86_64.whl",
    identity=ArtifactIdentity(digest="d1" * 32, scripts=("run",), rewritten={"run": "sha256=x"}),
    source=COMMIT,
    found_in="image builder:1",
    date="2026-11-29",
    image="sha256:" + "e" * 64,
    requires=("torch",),
)


def inputs_of(*built: Built, lines: str = "torch\nflash-attn\napex\n") -> LockInputs:
    asked = read_requirement_files(("requirements.in",), read=lambda _: lines.encode(), environment={})
    constraints = tuple(
        Requirement(
            name=each.name,
            extras=(),
            specifier=parse_requirement("x", Origin(file="lockml.toml")).specifier,
            marker=None,
            origin=Origin(file="lockml.toml", line=1),
            reference=each.reference,
        )
        for each in built
    )
    return LockInputs(asked=replace(asked, constraints=constraints), policy=Policy(), built=built)


def index_of(*built: Built) -> MemoryIndex:
    index = MemoryIndex()
    index.add("torch", "2.4.0")
    index.add("ninja", "1.0")
    for each in built:
        index.sources[str(each.reference)] = metadata_text(each.name, str(each.version), ["torch"])
    index.archives[str(APEX.reference)] = SHA256
    return index


@pytest.fixture(scope="module")
def lock() -> Lock:
    """A lock of two projects that the image builds, of which one is recorded, and of what builds need."""
    inputs, index = inputs_of(FLASH, APEX), index_of(FLASH, APEX)
    found = resolve(inputs.asked, TARGET, index, policy=Policy(), preferences=Preferences())
    build = lock_of(index, "ninja", identities={})
    return with_built(build_lock([found], {}, inputs), inputs.built, [RECORDED], build)


def test_lock_is_read_as_it_was_written(lock: Lock) -> None:
    text = format_lock(lock)
    read = parse_lock(text.encode(), "pylock.toml")
    assert (read.built, read.recorded) == ((APEX, FLASH), (RECORDED,))
    assert read.build is not None
    assert [package.name for package in read.build.pylock.packages] == ["ninja"]
    assert format_lock(read) == text


def test_recording_changes_nothing_else(lock: Lock) -> None:
    before, other = format_lock(lock), replace(RECORDED, identity=ArtifactIdentity(digest="f0" * 32))
    after = format_lock(with_recorded(parse_lock(before.encode(), "pylock.toml"), [RECORDED, other]))
    one, two = tomllib.loads(before), tomllib.loads(after)
    for document in (one, two):
        del document["tool"]["lockml"]["recorded"], document["tool"]["lockml"]["lock-sha256"]
    assert one == two
    assert (
        tomllib.loads(after)["tool"]["lockml"]["lock-sha256"] != tomllib.loads(before)["tool"]["lockml"]["lock-sha256"]
    )


def test_package_is_of_its_source_to_whoever_knows_no_built_ones(lock: Lock) -> None:
    """PEP 751: an installer, and a lockml that ignores these tables, sees a repository and an archive."""
    packages = {package.name: package for package in lock.pylock.packages}
    flash, apex = packages[FLASH.name], packages[APEX.name]
    assert flash.vcs is not None
    assert (flash.vcs.commit_id, flash.version) == (COMMIT, Version("2.6.3"))
    assert apex.archive is not None
    assert apex.archive.hashes == {"sha256": SHA256}


def test_key_of_a_later_lockml_is_left_alone(lock: Lock) -> None:
    document = tomllib.loads(format_lock(lock))
    for name in ("built", "recorded"):
        document["tool"]["lockml"][name][0]["later"] = {"key": 1}
    read = parse_lock(signed(tomli_w.dumps(document)).encode(), "pylock.toml")
    assert (read.built, read.recorded) == (lock.built, lock.recorded)


@pytest.mark.parametrize(
    ("table", "change", "text"),
    [
        ("recorded", {"name": "torch"}, "a recorded build of torch, which no image builds"),
        ("recorded", {"version": "2.6.4"}, "a recorded build of flash-attn 2.6.4 named flash_attn-2.6.3"),
        ("recorded", {"wheel": "flash_attn"}, "an invalid recorded build of flash-attn"),
        ("recorded", {"wheel": "flash_attn-2.6.3-a" + ".a" * 200 + "-b-c.whl"}, "with a name of 426 bytes"),
        ("recorded", {"record-sha256": 5}, "a 'recorded' that lockml does not write"),
        ("built", {"name": "torch"}, "the image builds torch, but has files of it from elsewhere"),
        ("built", {"commit": "main", "sha256": "main"}, "an invalid project in 'built'"),
    ],
)
def test_tables_that_lockml_does_not_write_are_refused(
    lock: Lock, table: str, change: dict[str, object], text: str
) -> None:
    """A recorded build of what an index has would prove bytes that no wheel of it installs."""
    document = tomllib.loads(format_lock(lock))
    document["tool"]["lockml"][table][0].update(change)
    with pytest.raises(LockError) as caught:
        parse_lock(signed(tomli_w.dumps(document)).encode(), "pylock.toml")
    assert text in str(caught.value)


def test_build_that_is_none_is_refused(lock: Lock) -> None:
    document = tomllib.loads(format_lock(lock))
    document["tool"]["lockml"]["build"]["packages"][0]["name"] = 5
    with pytest.raises(LockError, match="a 'build' that lockml does not write"):
        parse_lock(signed(tomli_w.dumps(document)).encode(), "pylock.toml")


def test_recorded_builds_of_another_source_are_not_kept(lock: Lock) -> None:
    other = parse_built(
        {"name": "flash-attn", "version": "2.6.3", "source": "git+https://git.example/x", "commit": "0" * 40}
    )
    assert with_built(lock, [other], lock.recorded, None).recorded == ()
    assert with_built(lock, [FLASH], lock.recorded, None).recorded == (RECORDED,)


def lines(text: str | None) -> list[str]:
    assert text is not None
    return [line.strip() for line in text.splitlines() if line and not line.lstrip().startswith("#")]


def test_each_requirement_file_has_what_its_command_can_install(lock: Lock) -> None:
    """pip refuses repositories beside hashes, and what is built has no hash."""
    assert [line.partition("=")[0] for line in lines(format_requirements(lock)) if "==" in line] == ["torch"]
    assert format_unhashed(lock) is None
    assert lines(format_sources(lock)) == [
        f"apex @ https://files.example/apex-0.1.tar.gz#sha256={SHA256}",
        f"flash-attn @ git+https://git.example/flash-attention@{COMMIT}",
    ]
    first, hashed = lines(format_build(lock))
    assert (first, hashed.partition(":")[0]) == ("ninja==1.0 \\", "--hash=sha256")


def test_lock_without_builds_has_no_files_for_them() -> None:
    plain = lock_of(index_of(), "torch", identities={})
    assert (format_sources(plain), format_build(plain)) == (None, None)


def test_same_tables_leave_the_lock_up_to_date(lock: Lock) -> None:
    assert changes_since(lock, inputs_of(FLASH, APEX), (TARGET,)) == ()
    unused = parse_built({"name": "xformers", "version": "1", "source": "git+https://x.example/x", "commit": COMMIT})
    assert changes_since(lock, inputs_of(FLASH, APEX, unused), (TARGET,)) == ()


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (inputs_of(replace(FLASH, requires=("torch",)), APEX), ["[[built]] has changed for flash-attn: requires"]),
        (inputs_of(FLASH), ["apex is locked as built in the image, but [[built]] no longer names it"]),
        (
            inputs_of(
                FLASH,
                APEX,
                parse_built(
                    {"name": "torch", "version": "2.4.0", "source": "git+https://x.example/x", "commit": COMMIT}
                ),
            ),
            ["torch is not locked as built in the image, but [[built]] names it"],
        ),
    ],
)
def test_tables_that_say_otherwise_make_the_lock_out_of_date(lock: Lock, inputs: LockInputs, told: list[str]) -> None:
    assert [each for each in changes_since(lock, inputs, (TARGET,)) if "built" in each] == told


def test_another_recorded_build_is_a_difference_of_two_locks(lock: Lock) -> None:
    """Who reviews a lock sees that other bytes are proven from now on."""
    after = with_recorded(lock, [])
    (change,) = compare_locks(lock, after)
    assert (change.kind, change.name) == ("files", NormalizedName("flash-attn"))
