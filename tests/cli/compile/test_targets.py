import platform
import subprocess
import sys

import pytest
from msgspec.structs import replace

from lockml.cli.compile.options import TargetOptions
from lockml.cli.compile.targets import choose_targets
from lockml.common.errors import InputError
from lockml.common.tag_lists import parse_tag_list
from lockml.common.target import Target, parse_target
from lockml.lock.model import BaseImage, Lock
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of

ONE = TargetOptions(base_image=None, python="3.11", platform="linux/amd64", libc="glibc-2.36", target=())


def test_target_that_is_named_whole_takes_nothing_from_this_machine() -> None:
    chosen = choose_targets(ONE, None)
    assert [str(target) for target in chosen.targets] == ["CPython 3.11 on linux/amd64, glibc-2.36"]
    assert chosen.notes == ()


def test_parts_of_this_machine_are_told_in_a_note_of_their_kind() -> None:
    (note,) = choose_targets(ONE._replace(python=None), None).notes
    assert note.kind == "host-target"
    assert note.text.startswith("Using this machine's Python 3.")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (ONE._replace(python="2 .7"), "--python '2 .7': not a Python version"),
        (ONE._replace(platform="sun/sparc"), "--platform 'sun/sparc': not a platform that lockml knows"),
        (ONE._replace(libc="glibc-9"), "--libc 'glibc-9': not a C library version"),
        (ONE._replace(platform="windows/amd64"), "--libc 'glibc-2.36': windows/amd64 has no C library option"),
        (ONE._replace(target=("3.12-macos/arm64",)), "--python: cannot be used with --target, which includes it"),
        (
            TargetOptions(None, None, None, None, ("3.12-linux/amd64-glibc 2",)),
            "--target '3.12-linux/amd64-glibc 2': 'glibc 2' is not a C library version",
        ),
        (
            TargetOptions(None, None, None, None, ("3.12-windows/amd64-10",)),
            "--target '3.12-windows/amd64-10': one part too many: Windows targets have no minimum version",
        ),
        (
            TargetOptions(None, None, None, None, ("a=3.12-macos/arm64", "a=3.11-macos/arm64")),
            "--target 'a': is given twice",
        ),
    ],
)
def test_target_that_is_none_is_refused_in_words_of_the_option(options: TargetOptions, text: str) -> None:
    with pytest.raises(InputError) as caught:
        choose_targets(options, None)
    assert str(caught.value) == text


NOTHING = TargetOptions(base_image=None, python=None, platform=None, libc=None, target=())


def lock_of_image() -> Lock:
    index = MemoryIndex()
    index.add("six", "1.0")
    image = BaseImage(reference="python:3.11", layers=("sha256:aa",), kind="image", gives_target=True)
    return replace(lock_of(index, "six"), base_image=image)


def test_target_and_base_image_of_the_lock_are_kept_without_opening_anything() -> None:
    lock = lock_of_image()
    assert choose_targets(NOTHING, lock) == (lock.targets, (), lock.base_image, None)


def test_anything_said_of_the_target_forgets_that_of_the_lock() -> None:
    lock = lock_of_image()
    for options in (ONE, NOTHING._replace(retarget=True), NOTHING._replace(target=("3.12-windows/amd64",))):
        chosen = choose_targets(options, lock)
        assert chosen.base_image is None
        assert chosen.targets == choose_targets(options, None).targets


@pytest.mark.parametrize(
    ("implementation", "version", "flags", "text"),
    [
        ("CPython", "3.14.2", "t", "CPython 3.14.2t on"),
        ("CPython", "3.12.1+", "", "CPython 3.12.1 on"),
        ("PyPy", "3.10.14", "", "PyPy 3.10.14 on"),
    ],
)
def test_python_of_this_machine_is_named_by_its_build(
    implementation: str, version: str, flags: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "python_implementation", lambda: implementation)
    monkeypatch.setattr(platform, "python_version", lambda: version)
    monkeypatch.setattr(sys, "abiflags", flags)
    assert str(choose_targets(ONE._replace(python=None), None).targets[0]).startswith(text)


def test_python_of_this_machine_that_lockml_does_not_know_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "python_implementation", lambda: "GraalVM")
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.7")
    with pytest.raises(InputError, match=r"this Python \(GraalVM 3.11.7\): not a Python version") as caught:
        choose_targets(ONE._replace(python=None), None)
    assert str(caught.value.hint) == "name that of the container: --python 3.11"


def listed(content: bytes, platform: str = "linux/amd64") -> Target:
    named = ONE._replace(libc=None, tags="tags.txt", platform=platform)
    return choose_targets(named, None, read=lambda name: content if name == "tags.txt" else b"").targets[0]


def test_c_library_of_listed_tags_is_the_newest_that_they_name_unless_it_is_named() -> None:
    content = b"cp311-cp311-manylinux_2_28_x86_64\npy3-none-any\n"
    assert str(listed(content).libc) == "glibc-2.28"
    assert listed(b"py3-none-any\n").libc is None
    named = ONE._replace(tags="tags.txt")
    assert str(choose_targets(named, None, read=lambda _: content).targets[0].libc) == "glibc-2.36"


def test_macos_of_listed_tags_is_the_newest_that_they_name() -> None:
    content = b"cp311-cp311-macosx_14_2_arm64\ncp311-cp311-macosx_11_0_arm64\n"
    assert listed(content, platform="macos/arm64").macos == (14, 2)
    assert listed(b"py3-none-any\n", platform="macos/arm64").macos == (13, 0)


@pytest.mark.process
def test_this_machine_takes_the_wheels_that_its_pip_says() -> None:
    """PEP 425: `pip debug --verbose`; older pips prefer ``linux_`` wheels last."""
    done = subprocess.run([sys.executable, "-m", "pip", "debug", "--verbose"], capture_output=True, check=True)
    said = parse_tag_list(done.stdout, "pip")
    ranks = choose_targets(NOTHING, None).targets[0].tag_ranks
    found = [str(tag) for tag in sorted(ranks, key=ranks.__getitem__)]
    assert set(found) == set(said)
    assert [tag for tag in found if "-linux_" not in tag] == [tag for tag in said if "-linux_" not in tag]


def test_targets_are_sorted() -> None:
    named = ("b=3.12-windows/amd64", "a=3.11-linux/amd64-glibc-2.36", "c=3.12-linux/amd64-musl-1.2")
    expected = tuple(map(parse_target, (named[1], named[2], named[0])))
    assert choose_targets(NOTHING._replace(target=named), None).targets == expected
    assert choose_targets(NOTHING._replace(target=named[::-1]), None).targets == expected
