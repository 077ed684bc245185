"""What takes long shows it on a terminal, in one line that fits, and in nothing else."""

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from lockml.cli.common.terminal import words_of
from lockml.common.progress import Step, counted, silent
from lockml.lock.formats.pylock import format_lock
from tests.cli.terminal import open_terminal, plain
from tests.made.images import digest
from tests.made.indexes import MemoryIndex
from tests.made.locks import lock_of
from tests.made.trees import SITE, venv_files
from tests.made.wheels import installed_files, make_wheel

COLUMNS = 60
CHECK = (sys.executable, "-m", "lockml", "check", "archive:image.tar", "--lock", "pylock.toml", "--level", "files")


def tar_of(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.lstrip("/"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def saved_image() -> bytes:
    """Return what `docker save` writes of an image of two layers."""
    data = {f"/srv/data/{number}": bytes(1 << 20) for number in range(12)}
    layers = [tar_of({**data, **venv_files()}), tar_of(installed_files(make_wheel("six", "1.16.0"), SITE))]
    config = {"config": {"Env": ["PATH=/opt/venv/bin"]}, "rootfs": {"diff_ids": [digest(layer) for layer in layers]}}
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "c.json", "RepoTags": ["app:1"], "Layers": names}]
    documents = {"c.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    return tar_of({**dict(zip(names, layers, strict=True)), **documents})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lock, and a pipe that an image comes through."""
    index = MemoryIndex()
    index.add("six", "1.16.0")
    (tmp_path / "pylock.toml").write_text(format_lock(lock_of(index, "six")))
    os.mkfifo(tmp_path / "image.tar")
    return tmp_path


@contextmanager
def slow_image(folder: Path) -> Iterator[None]:
    """Write the image to the pipe in three parts, with a second between them."""
    content = saved_image()

    def write() -> None:
        with (folder / "image.tar").open("wb", buffering=0) as pipe:
            for start in range(0, len(content), len(content) // 3 + 1):
                pipe.write(content[start : start + len(content) // 3 + 1])
                time.sleep(1)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    yield
    writer.join(timeout=60)


def variables(folder: Path) -> dict[str, str]:
    return {"HOME": str(folder), "LANG": "C.UTF-8", "LOCKML_CACHE_DIR": str(folder / "cache")}


@pytest.mark.process
@pytest.mark.slow
def test_check_shows_its_layers_in_one_line_of_the_terminal(folder: Path) -> None:
    with (
        (folder / "report").open("wb") as report,
        slow_image(folder),
        open_terminal(CHECK, folder, variables(folder), columns=COLUMNS, out=report.fileno()) as terminal,
    ):
        shown = terminal.rest()
    drawn = re.split(r"[\r\n]+", plain(shown))
    assert [line for line in drawn if re.search(r"Reading layer 1, \d+\.\d MiB", line)], drawn
    assert max(map(len, drawn)) <= COLUMNS
    assert shown.rstrip().endswith(("\x1b[2K", "\x1b[?25h"))  # the line is taken away
    assert "six" in (folder / "report").read_text()


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize("quiet", [(), ("-q",)])
def test_pipe_gets_no_progress(folder: Path, quiet: tuple[str, ...]) -> None:
    with slow_image(folder):
        done = subprocess.run(
            [*CHECK, *quiet],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **variables(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.stderr == ""
    assert "six" in done.stdout


@pytest.mark.process
@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "term"), [(("-q",), "xterm"), ((), "dumb")])
def test_terminal_that_wants_none_gets_no_progress(folder: Path, arguments: tuple[str, ...], term: str) -> None:
    settings = {**variables(folder), "TERM": term}
    with (
        (folder / "report").open("wb") as report,
        slow_image(folder),
        open_terminal((*CHECK, *arguments), folder, settings, columns=COLUMNS, out=report.fileno()) as terminal,
    ):
        assert terminal.rest() == ""


@pytest.mark.parametrize(
    ("step", "pages", "words"),
    [
        (Step(doing="Reading layer", done=2, total=7, read=3 << 20), 0, "Reading layer 2 of 7, 3.0 MiB"),
        (Step(doing="Verified", subject="six.whl", done=0, total=2), 0, "Verified 0 of 2  six.whl"),
        (
            Step(doing="Pinned", subject="six 1", done=1, total=2),
            1200,
            "Pinned 1 of 2, 1,200 pages and metadata  six 1",
        ),
        (Step(doing="Opening", subject="https://me:secret@host/\x1b[2J"), 0, "Opening  https://host/\\x1b[2J"),
    ],
)
def test_words_say_how_far_it_is_and_hide_logins(step: Step, pages: int, words: str) -> None:
    assert words_of(step, pages) == words


def test_items_are_counted_where_somebody_listens() -> None:
    told: list[Step] = []
    items = iter(range(70))
    assert counted(items, "Hashing", 70, silent) is items
    assert list(counted(items, "Hashing", 70, told.append)) == list(range(70))
    assert [(step.done, step.total) for step in told] == [(0, 70), (32, 70), (64, 70)]
