"""A clean environment that attacks change: its files by role, its RECORDs, and choices at random."""

import base64
import csv
import hashlib
import io
import random
from dataclasses import dataclass
from pathlib import Path

__all__ = ["EVIL", "Victim", "digest", "normalized"]

EVIL = "import sys; sys.stderr.write('changed code ran')\n"


def normalized(name: str) -> str:
    """Return a project's name or that of its folder as RECORDs' folders and locks compare them."""
    return name.lower().replace("_", "-").replace(".", "-")


def digest(content: bytes, algorithm: str = "sha256") -> str:
    """Return *content*'s digest as RECORD writes it."""
    hashed = hashlib.new(algorithm, content).digest()
    return f"{algorithm}=" + base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Victim:
    """The environment at *prefix*, of which *locked* projects are locked; *debian* on Debian's Python."""

    prefix: Path
    locked: frozenset[str]
    debian: bool
    random: random.Random

    @property
    def site(self) -> Path:
        """Its site-packages."""
        return self.prefix / "lib" / "python3.11" / "site-packages"

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return self.prefix / "bin"

    def records(self) -> list[Path]:
        """Return the RECORDs of locked projects."""
        found = sorted(self.site.glob("*.dist-info/RECORD"))
        return [each for each in found if normalized(each.parent.name.partition("-")[0]) in self.locked]

    def record(self) -> Path:
        """Return one of them."""
        return self.random.choice(self.records())

    def record_of(self, name: str) -> Path | None:
        """Return the RECORD of the project *name*, locked or not."""
        return next(iter(self.site.glob(f"{name}-*.dist-info/RECORD")), None)

    def rows(self, record: Path) -> list[list[str]]:
        """Return what a RECORD has."""
        return list(csv.reader(io.StringIO(record.read_text())))

    def write_rows(self, record: Path, rows: list[list[str]]) -> None:
        """Write a RECORD."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(rows)
        record.write_text(out.getvalue())

    def owned(self, suffix: str = ".py") -> tuple[Path, Path]:
        """Return a RECORD of a locked project and a file of it that ends with *suffix*."""
        choices = []
        for record in self.records():
            names = (row[0] for row in self.rows(record) if row)
            paths = (self.site / name for name in names if name.endswith(suffix) and not name.startswith(".."))
            choices += [(record, path) for path in paths if path.is_file() and path.stat().st_size]
        return self.random.choice(choices)

    def package(self) -> Path:
        """Return the folder of a locked package."""
        _, path = self.owned("__init__.py")
        return path.parent

    def script(self) -> tuple[Path, Path]:
        """Return a RECORD of a locked project and a script of it."""
        choices = []
        for record in self.records():
            names = (row[0] for row in self.rows(record) if row and row[0].startswith("../../../bin/"))
            choices += [(record, self.bin / Path(name).name) for name in names if "__pycache__" not in name]
        return self.random.choice(choices)

    def add_row(self, record: Path, path: str, content: bytes | None, algorithm: str = "sha256") -> None:
        """Append a row for *path*, with the digest of *content* or none."""
        rest = ["", ""] if content is None else [digest(content, algorithm), str(len(content))]
        self.write_rows(record, [*self.rows(record), [path, *rest]])

    def fix_row(self, record: Path, path: Path, algorithm: str = "sha256") -> None:
        """Let *record* say of *path* what it holds now."""
        rows, content = self.rows(record), path.read_bytes()
        for row in rows:
            if row and (self.site / row[0]).resolve() == path.resolve():
                row[1:] = [digest(content, algorithm), str(len(content))]
        self.write_rows(record, rows)

    def append(self, path: Path, text: str = EVIL) -> None:
        """Add code to a file, and drop what was compiled of it, which would show the change."""
        path.write_bytes(path.read_bytes() + b"\n" + text.encode())
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink()

    def brief(self, path: Path) -> str:
        """Return a path below the environment, for reports."""
        return str(path.relative_to(self.prefix)) if path.is_relative_to(self.prefix) else str(path)
