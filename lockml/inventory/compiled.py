"""Compiled modules and their sources in; which of them Python would load without standing for its source, out.

What stands in ``__pycache__`` (PEP 3147) is judged by its header (PEP 552), by RECORD never: installers compile anew. A
header that fits says nothing of the code behind it. What came later than its source is therefore compared with what a
Python of the same magic number makes of the source.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from lockml.inventory.accounts import Accounts
from lockml.inventory.bytecode import Fault, judge_bytecode
from lockml.inventory.wanted import MAX_PYC_HEADER
from lockml.ports import AFTER_START, Entry, FileTree, UnreadableError

__all__ = ["CodeJob", "CodeVerdict", "CompareCode", "CompiledModules", "compare_nothing"]

_MAX_SOURCE: Final = 64 << 20
_MAX_COMPILED: Final = 64 << 20
_STALE: Final = "compiled modules are not of the sources beside them, and Python does not load them"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeJob:
    """A compiled module at *path*, at an *optimisation* of 0 to 2; *compiled* and *source* read the two files."""

    path: str
    python: str
    optimisation: int
    compiled: Callable[[], bytes | None]
    source: Callable[[], bytes | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeVerdict:
    """Whether a compiled module is what its source compiles to, None where that was not compared, with a *reason*."""

    path: str
    same: bool | None
    reason: str = ""


CompareCode = Callable[[Iterable[CodeJob]], Iterator[CodeVerdict]]
"""Compares compiled modules with their sources as long as it may, and says of each what came of it."""


def compare_nothing(jobs: Iterable[CodeJob]) -> Iterator[CodeVerdict]:
    """Say of each of *jobs* that it was not compared."""
    return (CodeVerdict(path=job.path, same=None, reason="nothing here compiles it") for job in jobs)


class CompiledModules:
    """Judges compiled modules one by one; what came later than its source is compared at the end, all at once.

    *anchored* is how many of the lowest layers are known to be the locked base image's.
    """

    def __init__(self, tree: FileTree, accounts: Accounts, python: str, anchored: int) -> None:
        self._tree = tree
        self._accounts = accounts
        self._python = python
        self._minor = int(python.split(".")[1])
        self._anchored = anchored
        self._stale = 0
        self._later: list[tuple[CodeJob, str, int]] = []

    def judge(self, path: str, entry: Entry, source: tuple[str, Entry], owner: str, optimisation: int) -> None:
        """Judge the compiled module at *path* of the *source*, with its entry, which *owner* owns."""
        place, facts = source
        try:
            fault = judge_bytecode(
                self._tree.read(path, MAX_PYC_HEADER) or b"",
                minor=self._minor,
                size=facts.size,
                modified=facts.modified,
                source=lambda: self._tree.read(place, _MAX_SOURCE),
            )
        except UnreadableError as error:
            self._accounts.problem(error)
            return
        if fault is None:
            self._trust(path, entry, place, owner, optimisation)
        elif fault.stale:
            self.leave_out(owner, entry.size, place, fault)
        else:
            self._accounts.deviate("bytecode", path, owner, fault.detail)

    def leave_out(self, owner: str, size: int, source: str | None = None, fault: Fault | None = None) -> None:
        """Take down a compiled module that Python does not load."""
        self._stale += 1
        self._accounts.account(owner, "stale", size)
        if source is not None and fault is not None and not fault.age_only:
            self._accounts.stale.append((owner, source))

    def _trust(self, path: str, entry: Entry, source: str, owner: str, optimisation: int) -> None:
        """Take down a compiled module whose header fits: what is in it is known only of what the base image has."""
        origin, of_source = self._tree.origin(path), self._tree.origin(source)
        if origin is not None and 0 < origin.order <= self._anchored:
            self._accounts.account(owner, "bytecode", entry.size)
            return
        later = origin is not None and (
            origin.order >= AFTER_START or of_source is None or origin.order > of_source.order
        )
        if not later:
            self._accounts.account(owner, "bytecode", entry.size)
            self._accounts.limits.add("bytecode-body", path)
            return
        job = CodeJob(
            path=path,
            python=self._python,
            optimisation=optimisation,
            compiled=lambda: self._tree.read(path, _MAX_COMPILED),
            source=lambda: self._tree.read(source, _MAX_SOURCE),
        )
        self._later.append((job, owner, entry.size))

    def settle(self, compare: CompareCode) -> None:
        """Compare what came later than its source, and count what is not loaded."""
        known = {job.path: (owner, size) for job, owner, size in self._later}
        for verdict in compare([job for job, _, _ in self._later]):
            owner, size = known.pop(verdict.path)
            if verdict.same is False:
                detail = f"it was compiled later than its source was installed, and is not of it: {verdict.reason}"
                self._accounts.deviate("bytecode", verdict.path, owner, detail)
                continue
            self._accounts.account(owner, "bytecode", size)
            if verdict.same is None:
                self._accounts.limits.add("bytecode-body", verdict.path)
        for path, (owner, size) in known.items():  # whatever was not answered was not compared
            self._accounts.account(owner, "bytecode", size)
            self._accounts.limits.add("bytecode-body", path)
        if self._stale:
            self._accounts.remarks.append(f"{self._stale} {_STALE}")
