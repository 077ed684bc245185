"""A guide is read as files and commands, and what it shows is held against what is printed."""

import pytest

from tests.documentation.guides import Command, File, fits, steps, updated

GUIDE = """\
<!-- file: a/requirements.in -->
```text
numpy
```

```console
$ docker build .
```

<!-- run: exit 1 -->
```console
$ lockml compile
Locked 2 packages
$ lockml check
…
```
"""


def test_steps_are_the_marked_blocks_in_order() -> None:
    assert list(steps(GUIDE)) == [
        File("a/requirements.in", "numpy\n"),
        Command("lockml compile", 0, ("Locked 2 packages",)),
        Command("lockml check", 1, ("…",)),
    ]


@pytest.mark.parametrize("mark", ["<!-- run: exit one -->", "<!--run-->", "<!-- run -->\ntext", "<!-- file: a b -->"])
def test_mark_that_is_of_no_block_is_refused(mark: str) -> None:
    with pytest.raises(ValueError, match="no code block below it"):
        list(steps(GUIDE.replace("<!-- run: exit 1 -->", mark)))


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ((), "anything\n", True),
        (("Locked 2 packages",), "Locked 18 packages\n", True),
        (("Locked 2 packages",), "Locked 2 packages\nNext:\n", False),
        (("Locked 2 packages", "…"), "Locked 2 packages\nNext:\n", True),
        (("…", "b", "…"), "a\nb\nc\n", True),
        (("…", "b"), "a\nb\nc\n", False),
        (("found sha256:…, at …",), "found sha256:0123456789abcdef, at /x\n", True),
        (("for linux/amd64, glibc-2.36",), "for linux/arm64, glibc-2.41\n", True),
        (("a", "b"), "b\na\n", False),
    ],
)
def test_output_fits_what_is_shown(shown: tuple[str, ...], printed: str, expected: bool) -> None:
    assert fits(shown, printed) == expected


def test_update_takes_the_most_similar_line_and_keeps_what_is_any() -> None:
    shown = ("in order, as locked in pylock.toml", "…", "  names 2 of 2")
    printed = "matches what is locked in pylock.toml\nother\n  names 2 of 2\n"
    assert updated(shown, printed) == ("matches what is locked in pylock.toml", "…", "  names 2 of 2")
