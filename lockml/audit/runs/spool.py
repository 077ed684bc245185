"""Results that the store could not take, in files that survive the end of the process."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lockml.audit.model import RunResult
from lockml.audit.serialize import decode_result, encode_result
from lockml.common.private_files import write_whole

__all__ = ["Spool"]

_SUFFIX: Final = ".run.json"
_DAMAGED: Final = ".damaged"


class Spool:
    """The results that wait in *folder*, the oldest tick first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, result: RunResult) -> Path:
        """Write *result* to a file and return it; raises OSError."""
        digest = hashlib.sha256(result.target.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        file = self.folder / f"{result.tick.strftime('%Y%m%dT%H%M%S.%f')}-{digest}{_SUFFIX}"
        write_whole(file, encode_result(result))
        return file

    def waiting(self) -> Iterator[tuple[Path, RunResult]]:
        """Yield the waiting results; rename a file that cannot be read."""
        for file in sorted(self.folder.glob(f"*{_SUFFIX}")):
            try:
                yield file, decode_result(file.read_bytes())
            except FileNotFoundError:
                continue  # another process was quicker
            except ValueError:
                file.rename(file.with_name(file.name + _DAMAGED))

    def is_empty(self) -> bool:
        """Say whether nothing waits."""
        return not any(self.folder.glob(f"*{_SUFFIX}"))

    def done(self, file: Path) -> None:
        """Delete the file of a stored result."""
        file.unlink(missing_ok=True)
