"""Whose a lock is, its content says; what two tools would take for theirs is refused."""

import pytest

from lockml.common.errors import LockError
from lockml.lock.formats.pylock import parse_lock
from lockml.lock.formats.read import parse_any_lock

PYLOCK = 'lock-version = "1.0"\ncreated-by = "uv"\npackages = []\n'
UV = 'version = 1\n[[package]]\nname = "six"\nversion = "1.16.0"\nsource = { registry = "x" }\n'
POETRY = '[metadata]\nlock-version = "2.1"\npython-versions = "*"\ncontent-hash = "0"\n'
PDM = '[metadata]\nlock_version = "4.5.0"\n'
PIXI, CONDA = "version: 6\nenvironments: {}\npackages: []\n", "package: []\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PYLOCK + UV, "is both a pylock.toml and a lock of another tool"),
        (UV + POETRY, "is both a poetry.lock and a uv.lock"),
        (UV + PDM, "is both a pdm.lock and a uv.lock"),
        (POETRY + 'lock_version = "4.5.0"\n', "is both a poetry.lock and a pdm.lock"),
        (PIXI + CONDA, "is both a pixi.lock and a conda-lock.yml"),
        (
            '{"_meta": {"pipfile-spec": 6}, "default": {"six": {"version": "==1"}, "six": {"version": "==2"}}}',
            "duplicate key",
        ),
    ],
)
def test_lock_of_two_readers_is_refused(text: str, said: str) -> None:
    """Each tool ignores what it does not know, and would install its own part."""
    with pytest.raises(LockError, match=said):
        parse_any_lock(text.encode(), "lock")


def test_lock_of_two_readers_is_refused_whichever_way_it_is_read() -> None:
    """A file that begins as lockml writes it is read without asking whose it is."""
    with pytest.raises(LockError, match="a lock of another tool"):
        parse_lock((PYLOCK + UV).encode(), "lock")


@pytest.mark.parametrize("text", [PYLOCK, UV, POETRY, PDM, PIXI])
def test_lock_of_one_reader_is_read(text: str) -> None:
    assert parse_any_lock(text.encode(), "lock").format
