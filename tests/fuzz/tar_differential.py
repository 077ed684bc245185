"""Hold lockml's reader of tar archives against others: ``python -m tests.fuzz.tar_differential SECONDS [SEED]``.

Whatever lockml accepts, the others read the same; what it refuses, they may read. Needs `go` and GNU tar; programs
that are named after the seed are further readers that speak as `reader.go` does. An archive that is taken differently
is left as tar-SEED.tar in the working folder.
"""

import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tarfile import TarError

from lockml.inventory.file_tree import UnreadableError
from tests.fuzz.tar_archives import make_archive
from tests.fuzz.tar_readers import GoReader, Seen, by_gnu_tar, by_lockml, by_tarfile

__all__ = ["difference"]

Reader = Callable[[bytes], list[Seen]]


def difference(content: bytes, readers: Sequence[Reader], *, gnu: bool) -> str | None:
    """Return how a reader takes an archive, "" where it is as lockml does, None where lockml refuses it."""
    try:
        expected, contents = by_lockml(content)
    except UnreadableError:
        return None
    for number, reader in enumerate(readers):
        try:
            found = reader(content)
        except (ValueError, TarError, OSError) as error:
            return f"reader {number} refuses it: {error}"
        if not _same(found, expected):
            return f"reader {number} sees {found}, and lockml {expected}"
    return _by_gnu(content, expected, contents) if gnu else ""


def _same(found: list[Seen], expected: list[Seen]) -> bool:
    """Compare what readers see: not the contents of sparse files, and times to a second, as Python's are floats."""
    return len(found) == len(expected) and all(
        each[:3] == other[:3]
        and each.target == other.target
        and (each.digest == other.digest or "" in (each.digest, other.digest))
        and abs(each.time - other.time) <= 1
        for each, other in zip(found, expected, strict=True)
    )


def _by_gnu(content: bytes, expected: list[Seen], contents: str) -> str:
    try:
        listed, digest = by_gnu_tar(content)
    except ValueError as error:
        return f"GNU tar refuses it: {error}"
    wanted = [each._replace(time=0, digest="", target=_inside(each)) for each in expected]
    if listed != wanted:
        return f"GNU tar sees {listed}, and lockml {wanted}"
    return "" if contents in ("", digest) else "GNU tar gives other contents"


def _inside(each: Seen) -> bytes:
    """Return the target of a link as GNU tar shows it: that of a hard link does not lead out."""
    return re.sub(rb"^(?:.*(?:^|/)\.\.(?=/|$)/*|/+)", b"", each.target) if each.kind == "hardlink" else each.target


def main() -> int:
    """Return how many archives were taken differently."""
    seconds, seed = float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns()
    stop = time.monotonic() + seconds
    count = accepted = different = 0
    with tempfile.TemporaryDirectory() as folder:
        go = [GoReader(Path(folder)), *(GoReader(Path(folder), Path(each)) for each in sys.argv[3:])]
        while time.monotonic() < stop:
            content = make_archive(seed + count)
            told = difference(content, [by_tarfile, *(each.read for each in go)], gnu=count % 20 == 0)
            count += 1
            accepted += told is not None
            if told:
                different += 1
                Path(f"tar-{seed + count - 1}.tar").write_bytes(content)
                sys.stdout.write(f"seed {seed + count - 1}: {told}\n"[:1500])
                if different > 20:
                    break
        for each in go:
            each.close()
    sys.stdout.write(f"{count} archives, {accepted} accepted, {different} taken differently\n")
    return different


if __name__ == "__main__":
    sys.exit(bool(main()))
