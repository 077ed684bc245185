"""Names of files to be written, before anything is."""

import os
import threading
from pathlib import Path

import pytest

from lockml.cli.common.files import refuse_names
from lockml.common.errors import InputError
from tests.cli.process import TARGET, run_lockml


@pytest.mark.parametrize("name", ["", ".", "..", "/", "there", "there/", "nowhere/", "nowhere/..", "a\0b"])
def test_what_names_no_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    with pytest.raises(InputError, match=r"is a folder|is not a file name"):
        refuse_names(name, "pylock.toml")
    with pytest.raises(InputError, match=r"is a folder|is not a file name"):
        refuse_names("requirements.txt", name)


def test_one_file_is_not_both_under_whatever_names(tmp_path: Path) -> None:
    first, link, hard = (str(tmp_path / name) for name in ("a", "b", "c"))
    Path(first).touch()
    Path(link).symlink_to("a")
    Path(hard).hardlink_to(first)
    for name in (first, link, hard):
        with pytest.raises(InputError, match="is both the lock"):
            refuse_names(first, name)
    refuse_names(os.devnull, os.devnull)


def test_circle_of_links_is_left_to_who_writes(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    refuse_names(str(tmp_path / "a"), "pylock.toml")


@pytest.mark.loopback
def test_pipe_is_written_each_time_and_never_read(tmp_path: Path, url: str) -> None:
    """A second run asks what the first one wrote: not of a pipe, which would wait, nor of a device without an end."""
    (tmp_path / "a.in").write_text("six\n")
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    for _ in range(2):
        reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
        reader.start()
        outcome = run_lockml("compile", "a.in", "--lock", "pipe", *TARGET, "--index-url", url, folder=tmp_path)
        assert outcome.code == 0, outcome.err
        reader.join(timeout=30)
    assert read[0] == read[1]
    assert read[0].startswith(b"lock-version")


@pytest.mark.loopback
@pytest.mark.parametrize(("device", "code"), [("/dev/zero", 0), ("/dev/full", 2), (os.devnull, 0)])
def test_device_as_lock_is_written_and_not_read(tmp_path: Path, url: str, device: str, code: int) -> None:
    (tmp_path / "a.in").write_text("six\n")
    for _ in range(2):
        outcome = run_lockml("compile", "a.in", "--lock", device, *TARGET, "--index-url", url, folder=tmp_path)
        assert outcome.code == code
        assert not Path(device).is_file()


@pytest.mark.loopback
def test_empty_lock_is_one_that_is_not_there(tmp_path: Path, url: str) -> None:
    (tmp_path / "a.in").write_text("six\n")
    (tmp_path / "pylock.toml").touch()
    assert run_lockml("compile", "a.in", *TARGET, "--index-url", url, folder=tmp_path).code == 0
