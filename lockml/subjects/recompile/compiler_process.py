"""Compile untrusted sources in a separate process, with a Python of this machine.

The process has no environment, no site folders and hard limits, and gives up root. It compiles what it receives, and
runs none of it. A source that crashes it, exhausts its memory or keeps it busy only costs that process; the caller
starts another.
"""

import os
import select
import struct
import subprocess
import time
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

__all__ = ["Compiler", "CompilerError", "CompilerProcess"]

_MEMORY: Final = 1 << 30
_MAX_ANSWER: Final = 64 << 20
_MAX_PIECE: Final = 1 << 16
_JOB: Final = struct.Struct("<BI")
_ANSWER: Final = struct.Struct("<BI")
# Codecs and tables that a compilation may need are imported while the process can still read files.
_CHILD: Final = r"""
import importlib.util, marshal, os, resource, struct, sys, unicodedata, warnings
import encodings.ascii, encodings.cp1252, encodings.iso8859_15, encodings.latin_1, encodings.utf_8_sig
seconds, memory = int(sys.argv[1]), int(sys.argv[2])
for name, limit in (("CPU", seconds), ("AS", memory), ("FSIZE", 0), ("CORE", 0), ("NPROC", 0), ("NOFILE", 16)):
    resource.setrlimit(getattr(resource, "RLIMIT_" + name), (limit, limit))
if os.geteuid() == 0:
    try:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    except OSError:
        pass
warnings.simplefilter("ignore")
take, give = sys.stdin.buffer.read, sys.stdout.buffer
def answer(status, content):
    give.write(struct.pack("<BI", status, len(content)) + content)
    give.flush()
answer(0, importlib.util.MAGIC_NUMBER + (sys.version.split()[0] + "\n" + sys.version).encode())
while True:
    header = take(4)
    if not header:
        break
    jobs = []
    for _ in range(struct.unpack("<I", header)[0]):
        optimisation, length = struct.unpack("<BI", take(5))
        jobs.append((optimisation, take(length)))
    for optimisation, source in jobs:
        try:
            code = marshal.dumps(compile(source, "<source>", "exec", dont_inherit=True, optimize=optimisation))
        except BaseException as error:
            answer(1, type(error).__name__.encode())
        else:
            answer(0, code)
        code = None
"""


class CompilerError(Exception):
    """The process did not start, ended, gave an invalid answer, or took too long; *reason* says which.

    Internal: never reaches the user; the report says that the bytecode could not be recompiled.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Compiler(Struct, frozen=True):
    """A Python that compiles: its *magic* number, its *release* (3.11.7) and its *build*, the full `sys.version`."""

    magic: bytes
    release: str
    build: str


class CompilerProcess:
    """A Python started by *command*, for at most *seconds* of CPU time. Raises CompilerError; close it after use.

    Send it a batch, then read as many answers; *until* is always the `time.monotonic` deadline.
    """

    def __init__(self, command: Sequence[str], *, seconds: int, until: float, memory: int = _MEMORY) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603 - no shell; a Python of this machine runs our own text
                [*command, "-I", "-S", "-B", "-c", _CHILD, str(seconds), str(memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            raise CompilerError(f"{command[0]} does not start ({error.strerror})") from error
        self._read = b""
        try:
            for end in self._ends():
                os.set_blocking(end, False)
            self.compiler = self._introduced(until)
        except BaseException:
            self.close()
            raise

    def give(self, batch: Sequence[tuple[bytes, int]], until: float) -> None:
        """Send a *batch* of sources, each with its level of optimisation."""
        parts = [struct.pack("<I", len(batch))]
        for source, optimisation in batch:
            parts += (_JOB.pack(optimisation, len(source)), source)
        left = memoryview(b"".join(parts))
        end = self._ends()[0]
        while left:
            _wait(end, select.POLLOUT, until)
            try:
                left = left[os.write(end, left[:_MAX_PIECE]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise CompilerError("the compiler ended") from error

    def take(self, until: float) -> bytes | str:
        """Return the next answer: code as `marshal` writes it, or the name of a compilation error."""
        status, length = _ANSWER.unpack(self._taken(_ANSWER.size, until))
        if status not in (0, 1) or length > _MAX_ANSWER:
            raise CompilerError("the compiler gave an invalid answer")
        content = self._taken(length, until)
        return content if status == 0 else content[:100].decode("ascii", "replace")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ends(self) -> tuple[int, int]:
        if self._process.stdin is None or self._process.stdout is None:
            raise CompilerError("the compiler has no pipes")
        return self._process.stdin.fileno(), self._process.stdout.fileno()

    def _introduced(self, until: float) -> Compiler:
        said = self.take(until)
        if isinstance(said, str):
            raise CompilerError("the compiler gave an invalid answer")
        release, _, build = said[4:].decode("utf-8", "replace").partition("\n")
        return Compiler(said[:4], release, build)

    def _taken(self, length: int, until: float) -> bytes:
        end = self._ends()[1]
        parts, have = [self._read], len(self._read)
        while have < length:
            _wait(end, select.POLLIN, until)
            try:
                piece = os.read(end, 1 << 20)
            except BlockingIOError:
                continue
            if not piece:
                raise CompilerError("the compiler ended")
            parts.append(piece)
            have += len(piece)
        whole = b"".join(parts)
        self._read = whole[length:]
        return whole[:length]


def _wait(end: int, event: int, until: float) -> None:
    """Wait for *event* at the *end* of a pipe; raises CompilerError after the deadline."""
    poll = select.poll()
    poll.register(end, event)
    left = until - time.monotonic()
    if left <= 0 or not poll.poll(left * 1000):
        raise CompilerError("the compiler took too long")
