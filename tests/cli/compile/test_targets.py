import pytest
from msgspec.structs import replace

from lockml.cli.compile.options import TargetOptions
from lockml.cli.compile.targets import choose_targets
from lockml.common.errors import InputError
from lockml.common.target import parse_target
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
    assert note.text.startswith("Taken from this machine: Python 3.")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (ONE._replace(python="2 .7"), "--python '2 .7': not a Python version"),
        (ONE._replace(platform="sun/sparc"), "--platform 'sun/sparc': not a platform that lockml knows"),
        (ONE._replace(libc="glibc-9"), "--libc 'glibc-9': not a C library version"),
        (ONE._replace(platform="windows/amd64"), "--libc 'glibc-2.36': windows/amd64 has no C library to name"),
        (ONE._replace(target=("3.12-macos/arm64",)), "--python: cannot be given beside --target, which says it all"),
        (
            TargetOptions(None, None, None, None, ("3.12-linux/amd64-glibc 2",)),
            "--target '3.12-linux/amd64-glibc 2': 'glibc 2' is not a C library version",
        ),
        (
            TargetOptions(None, None, None, None, ("3.12-windows/amd64-10",)),
            "--target '3.12-windows/amd64-10': one part too much: Windows has no oldest version to name",
        ),
        (
            TargetOptions(None, None, None, None, ("a=3.12-macos/arm64", "a=3.11-macos/arm64")),
            "--target 'a': is given more than once",
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
    assert choose_targets(NOTHING, lock) == (lock.targets, (), lock.base_image)


def test_anything_said_of_the_target_forgets_that_of_the_lock() -> None:
    lock = lock_of_image()
    for options in (ONE, NOTHING._replace(retarget=True), NOTHING._replace(target=("3.12-windows/amd64",))):
        chosen = choose_targets(options, lock)
        assert chosen.base_image is None
        assert chosen.targets == choose_targets(options, None).targets


def test_targets_are_sorted() -> None:
    named = ("b=3.12-windows/amd64", "a=3.11-linux/amd64-glibc-2.36", "c=3.12-linux/amd64-musl-1.2")
    expected = tuple(map(parse_target, (named[1], named[2], named[0])))
    assert choose_targets(NOTHING._replace(target=named), None).targets == expected
    assert choose_targets(NOTHING._replace(target=named[::-1]), None).targets == expected
