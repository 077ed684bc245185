import pytest
from msgspec.structs import replace
from packaging.utils import canonicalize_name

from lockml.common.target import Target, parse_target
from lockml.index.distributions.metadata import parse_metadata
from lockml.index.locations import NamedIndexes
from lockml.lock.build import build_lock
from lockml.lock.formats.pylock import format_lock, parse_lock
from lockml.lock.inputs import LockInputs
from lockml.lock.model import BaseImage, BaseLock, Lock, ProvidedPackage, ProvidedPackages
from lockml.lock.status.freshness import changes_since, unmet_since
from lockml.requirements.requirements_txt import read_requirement_files
from lockml.resolution.model import Policy, Preferences, ProjectSelection, Provided, ProvidedMode, ProvidedRelease
from lockml.resolution.multi_target import resolve_targets
from tests.made.indexes import MemoryIndex
from tests.made.locks import signed
from tests.made.wheels import metadata_text

ONE = parse_target("3.11-linux/amd64-glibc-2.36")
TWO = parse_target("3.12-linux/amd64-glibc-2.36")
LINES = ("model>=1", "six", "plots[extra]")


def inputs_of(*lines: str, policy: Policy | None = None, index_url: str | None = None, limits: str = "") -> LockInputs:
    files = {"requirements.in": "\n".join(lines).encode(), "limits.txt": limits.encode()}
    asked = read_requirement_files(
        ("requirements.in",), read=files.__getitem__, environment={}, constraints=("limits.txt",)
    )
    return LockInputs(asked=asked, policy=policy or Policy(), indexes=NamedIndexes(url=index_url))


@pytest.fixture(scope="module")
def lock() -> Lock:
    index = MemoryIndex()
    index.add("model", "1.5", ["numpy>=1"])
    index.add("numpy", "1.26.0")
    index.add("six", "1.16.0")
    index.add("plots", "3.0", ["tables; extra == 'extra'"], extras=["extra", "more"])
    index.add("tables", "1.0")
    inputs = inputs_of(*LINES)
    resolutions = resolve_targets(inputs.asked, {ONE: Preferences()}, index, policy=inputs.policy)
    return parse_lock(format_lock(build_lock(resolutions, {}, inputs)).encode(), "pylock.toml")


def changes(lock: Lock, inputs: LockInputs, *targets: Target) -> list[str]:
    return list(changes_since(lock, inputs, targets or (ONE,)))


@pytest.mark.parametrize(
    "inputs",
    [
        inputs_of(*LINES),
        inputs_of("# why", "six", "", "plots[extra]  # here", "model >= 1"),
        inputs_of("model>=1.2,<2", "six!=1.15", "plots[extra]"),
        inputs_of("model", "six", "plots"),
        inputs_of(*LINES, "numpy"),
        inputs_of(*LINES, "pywin32; sys_platform == 'win32'"),
        inputs_of(*LINES, limits="numpy<2\nnothing==1"),
    ],
)
def test_change_that_the_pins_satisfy_is_none(lock: Lock, inputs: LockInputs) -> None:
    """What an extra brought stays when it is no longer asked for: nothing in the lock says that it came from there."""
    assert changes(lock, inputs) == []


@pytest.mark.parametrize(
    ("inputs", "told"),
    [
        (inputs_of("model>=2", *LINES[1:]), ["model 1.5 does not meet model>=2 (requirements.in:1)"]),
        (inputs_of(*LINES, "torch"), ["torch (requirements.in:4) is not locked"]),
        (
            inputs_of("six", "plots[extra]"),
            ["model 1.5 is locked but no longer required", "numpy 1.26.0 is locked but no longer required"],
        ),
        (
            inputs_of("model>=1", "six", "plots[more]"),
            ["plots[more] (requirements.in:3): the lock was made without these extras"],
        ),
        (
            inputs_of(*LINES, limits="numpy<1.20"),
            ["numpy 1.26.0 does not meet the constraint numpy<1.20 (limits.txt:1)"],
        ),
        (inputs_of(*LINES, policy=Policy(prereleases=True)), ["prereleases was not set, is True"]),
        (
            inputs_of(*LINES, policy=Policy(only_binary=ProjectSelection(everything=True))),
            ["only-binary was not set, is :all:"],
        ),
        (
            inputs_of(*LINES, index_url="https://me:secret@index.example/"),
            ["index-url was not set, is https://index.example/"],
        ),
    ],
)
def test_change_is_told(lock: Lock, inputs: LockInputs, told: list[str]) -> None:
    assert changes(lock, inputs) == told


def test_targets_that_come_and_go_are_told(lock: Lock) -> None:
    assert changes(lock, inputs_of(*LINES), TWO) == [
        "target added: CPython 3.12 on linux/amd64, glibc-2.36",
        "target removed: CPython 3.11 on linux/amd64, glibc-2.36",
    ]


def test_lock_of_another_tool_is_out_of_date() -> None:
    lock = parse_lock(b"lock-version = '1.0'\ncreated-by = 'other'\npackages = []\n", "pylock.toml")
    assert "names no target" in changes(lock, inputs_of("six"))[0]


OLD, NEW = (BaseImage(reference="python:3.11", layers=(layer,)) for layer in ("sha256:aa", "sha256:bb"))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        (OLD, OLD, []),
        (OLD, NEW, ["base image python:3.11 has other layers"]),
        (None, OLD, ["base image changed: none -> python:3.11"]),
        (OLD, None, ["base image changed: python:3.11 -> none"]),
    ],
)
def test_base_image_is_part_of_the_lock(
    lock: Lock, before: BaseImage | None, now: BaseImage | None, told: list[str]
) -> None:
    assert changes(replace(lock, base_image=before), replace(inputs_of(*LINES), base_image=now)) == told


def test_lock_names_the_projects_that_it_is_for(lock: Lock) -> None:
    """What it pins, and what every environment has, is none of them; a project of another name is another input."""
    inputs = inputs_of(*LINES)
    index = MemoryIndex()
    for name in ("model", "six", "plots"):
        index.add(name, "1.5")
    named = replace(inputs, asked=replace(inputs.asked, projects=("my-app", "six", "pip")), projects=("built",))
    resolutions = resolve_targets(inputs.asked, {ONE: Preferences()}, index, policy=inputs.policy)
    written = parse_lock(format_lock(build_lock(resolutions, {}, named)).encode(), "pylock.toml")
    assert written.projects == ("built", "my-app")
    assert changes_since(written, named, [ONE]) == ()
    renamed = replace(named, asked=replace(named.asked, projects=("other",)))
    assert changes_since(written, renamed, [ONE]) == ("the lock does not name other as one of its own projects",)
    assert lock.projects == ()


def image_lock(mode: ProvidedMode = "keep") -> tuple[Lock, ProvidedPackages]:
    """Return a lock for an image that has torch, which needs what the image lacks, numpy, and what nobody asks for."""
    index = MemoryIndex()
    index.add("missing", "1.0")
    releases, packages = {}, []
    for name, version, needs in (
        ("torch", "2.9", ["missing", "numpy"]),
        ("numpy", "1.26", []),
        ("idle", "1", ["more"]),
    ):
        metadata = parse_metadata(metadata_text(name, version, needs).encode())
        releases[metadata.name] = ProvidedRelease(metadata=metadata)
        packages.append(ProvidedPackage(name=metadata.name, version=version))
    provided = ProvidedPackages(selection=("all",), mode=mode, packages=tuple(packages))
    policy = Policy(provided=Provided(mode=mode, releases=releases))
    inputs = replace(inputs_of("torch", policy=policy), provided=provided)
    resolutions = resolve_targets(inputs.asked, {ONE: Preferences()}, index, policy=policy)
    return parse_lock(format_lock(build_lock(resolutions, {}, inputs)).encode(), "pylock.toml"), provided


@pytest.mark.parametrize(
    ("lines", "limits", "told"),
    [
        (("torch>=2",), "", []),
        (("torch", "numpy<2"), "numpy", []),
        (("torch<2",), "", ["torch 2.9 of the base image does not meet torch<2 (requirements.in:1)"]),
        (("torch",), "numpy>=2", ["numpy 1.26 of the base image does not meet the constraint numpy>=2 (limits.txt:1)"]),
        (("torch",), "idle<1", []),
        (("torch", "idle"), "", ["idle (requirements.in:2) is not locked"]),
        (("numpy",), "", ["missing 1.0 is locked but no longer required"]),
    ],
)
def test_what_the_image_provides_is_there_with_all_that_it_needs(
    lines: tuple[str, ...], limits: str, told: list[str]
) -> None:
    lock, provided = image_lock()
    inputs = replace(inputs_of(*lines, limits=limits), provided=provided)
    assert changes(lock, inputs) == told
    unmet = [] if "no longer" in "".join(told) else told
    assert list(unmet_since(lock, inputs.asked)) == unmet


def test_what_overrides_meets_every_line() -> None:
    lock, provided = image_lock("override")
    assert changes(lock, replace(inputs_of("torch<2", limits="numpy>=2"), provided=provided)) == []


@pytest.mark.parametrize(
    ("name", "version", "record", "told"),
    [
        ("torch", "2.9", "sha256:1", None),
        ("other", "2.9", "sha256:1", "does not"),
        ("torch", "2.8", "sha256:1", "torch 2.8"),
        ("torch", "2.9", "sha256:2", "the same version with other files"),
    ],
)
def test_packages_that_the_base_leaves_to_another_image_are_a_change(
    lock: Lock, name: str, version: str, record: str, told: str | None
) -> None:
    theirs = ProvidedPackage(name=canonicalize_name("torch"), version="2.9", record="sha256:1")
    left = ProvidedPackages(selection=("torch",), packages=(theirs,))
    base = BaseLock(path="base.toml", lock=replace(lock, provided=left), sha256="0")
    there = ProvidedPackage(name=canonicalize_name(name), version=version, record=record)
    mine = ProvidedPackages(selection=("torch",), packages=(there,))
    changes = changes_since(lock, replace(inputs_of(*LINES), bases=(base,), provided=mine), [ONE])
    expected = [f"base.toml leaves torch 2.9 to its base image, but the lock on it {told}"] if told else []
    assert [each for each in changes if "leaves" in each] == expected


def test_lock_with_the_old_word_for_no_pre_is_as_new() -> None:
    index = MemoryIndex()
    index.add("six", "1.0")
    inputs = inputs_of("six", policy=Policy(stable_only=True))
    found = resolve_targets(inputs.asked, {ONE: Preferences()}, index, policy=inputs.policy)
    text = format_lock(build_lock(found, {}, inputs))
    assert "no-pre = true" in text
    old = parse_lock(signed(text.replace("no-pre", "stable-only")).encode(), "pylock.toml")
    assert changes_since(old, inputs, [ONE]) == ()
    assert changes_since(old, inputs_of("six<2", policy=inputs.policy), [ONE]) == ()
    assert changes_since(old, inputs_of("six"), [ONE]) == ("no-pre was True, is not set",)
