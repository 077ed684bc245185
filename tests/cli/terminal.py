"""A terminal in which a program runs: what it shows out, keys in."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Terminal", "open_terminal", "plain"]

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[=>()].?|\x1b\][^\x07]*\x07|[\x07\x0f]")
_SECONDS = 30.0


def plain(text: str) -> str:
    """Return *text* without what moves the cursor or colours."""
    return _CONTROL.sub("", text)


class Terminal:
    """Reads and types; the program is ended with it."""

    def __init__(self, process: "subprocess.Popen[bytes]", descriptor: int) -> None:
        self.process = process
        self.shown = ""
        self._descriptor = descriptor

    def type(self, keys: str) -> None:
        """Type *keys*."""
        os.write(self._descriptor, keys.encode())

    def until(self, pattern: str, seconds: float = _SECONDS) -> str:
        """Return what was shown since the last call, up to *pattern*; fail where it does not come."""
        end = time.monotonic() + seconds
        while (found := re.search(pattern, plain(self.shown))) is None:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"{pattern!r} was not shown, but:\n{plain(self.shown)}")
        text, self.shown = plain(self.shown), plain(self.shown)[found.end() :]
        return text[: found.end()]

    def rest(self, seconds: float = _SECONDS) -> str:
        """Return all that the program shows until it ends, raw."""
        end = time.monotonic() + seconds
        while self._read(end - time.monotonic()):
            pass
        self.process.wait(timeout=_SECONDS)
        return self.shown

    def _read(self, seconds: float) -> bool:
        if seconds <= 0 or not select.select([self._descriptor], [], [], seconds)[0]:
            return False
        try:
            chunk = os.read(self._descriptor, 65536)
        except OSError:  # EIO: the program has ended
            return False
        self.shown += chunk.decode("utf-8", "replace")
        return bool(chunk)


@contextmanager
def open_terminal(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], *, columns: int = 100, out: int | None = None
) -> Iterator[Terminal]:
    """Run *command* in a terminal of *columns*; its standard output goes to *out*, where that is given."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", *command],  # the terminal is theirs, which shells need to have jobs
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "xterm", **variables},
        stdin=theirs,
        stdout=theirs if out is None else out,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
