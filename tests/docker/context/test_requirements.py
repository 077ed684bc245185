"""What requirement files pin, and how that differs from a lock."""

import pytest

from lockml.docker.context.lock import lock_facts
from lockml.docker.context.requirements import Pins, departures, read_pins_of
from tests.docker.projects import files, project_lock

HASH = "--hash=sha256:" + "a" * 64


def pins(text: str, **others: str) -> Pins | None:
    there = {"r.txt": text.encode(), **{f"{name}.txt": content.encode() for name, content in others.items()}}
    return read_pins_of("r.txt", there.get)


@pytest.mark.parametrize(
    ("text", "is_lock"),
    [
        (f"a==1 {HASH}\n", True),
        (f"a==1 \\\n    {HASH}\n# via b\nb==2 {HASH}\n", True),
        (f"a @ https://x/a-1-py3-none-any.whl {HASH}\n", True),
        ("a==1\n", False),
        (f"a==1.* {HASH}\n", False),
        (f"a>=1 {HASH}\n", False),
        ("a\n", False),
        (f"a==1 {HASH}\n-e .\n", False),
        (f"a==1 {HASH}\ngit+https://x/y\n", False),
        ("", False),
    ],
)
def test_file_is_a_lock_or_not(text: str, is_lock: bool) -> None:
    found = pins(text)
    assert found is not None
    assert found.is_lock is is_lock


def test_included_files_count() -> None:
    found = pins(f"a==1 {HASH}\n-r other.txt\n", other="b\n")
    assert found is not None
    assert (found.loose, found.files) == (("b",), ("r.txt", "other.txt"))


@pytest.mark.parametrize("text", ["\0", "a ==\n", "-r missing.txt\n", "--nonsense\n", "\xff a b c\n"])
def test_what_is_no_requirement_file_is_not_judged(text: str) -> None:
    assert pins(text) is None


def test_file_of_commits_is_one_of_trees() -> None:
    found = pins(f"a @ git+https://x/y@{'b' * 40}\n")
    assert found is not None
    assert found.is_trees


def test_file_of_the_lock_departs_in_nothing() -> None:
    found = read_pins_of("requirements.txt", files().get)
    assert found is not None
    assert departures(found, lock_facts(project_lock(), "pylock.toml")) == []


def test_departures_are_named() -> None:
    found = pins(f"numpy==1.26.0 {HASH}\nother==1 {HASH}\n")
    assert found is not None
    assert departures(found, lock_facts(project_lock(), "pylock.toml")) == [
        "numpy allows files that are not locked",
        "other is not locked",
        "scikit-learn is locked but missing here",
    ]
