"""Find the compiled modules that Python would load although they are not of their sources.

What is in ``__pycache__`` (PEP 3147) is judged by its header (PEP 552) and never by RECORD: installers compile again. A
header that fits says nothing of the code behind it. What came later than its source is therefore compared with what a
Python of the same magic number makes of the source.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from lockml.inventory.bytecode.comparison import CompiledModule, Verdict
from lockml.inventory.bytecode.pyc import Fault, judge_bytecode
from lockml.inventory.file_tree import AFTER_START, Entry, FileTree, UnreadableError
from lockml.inventory.read_limits import MAX_PYC_HEADER
from lockml.inventory.results import Accounts

__all__ = ["CompareCode", "CompiledModules", "compare_nothing"]

_MAX_SOURCE: Final = 64 << 20
_NEW: Final = 60  # seconds before the newest: what was changed last is compared first
_MAX_COMPILED: Final = (16 << 20) + MAX_PYC_HEADER
_STALE: Final = "compiled modules are not of the sources beside them, and Python does not load them"


CompareCode = Callable[[str, Iterable[CompiledModule]], Iterator[Verdict]]
"""Compares compiled modules of a Python, by its version, with their sources, as long as it may."""


def compare_nothing(_: str, modules: Iterable[CompiledModule]) -> Iterator[Verdict]:
    """Say of each of *modules* that it was not compared."""
    return (Verdict(each.path, "not-compared", "nothing here compiles it") for each in modules)


class _Later(NamedTuple):
    """A compiled module that came later than its source."""

    path: str
    size: int
    source: str
    owner: str
    optimisation: int
    modified: int


class CompiledModules:
    """Judges compiled modules one by one; what may have come later than its source is compared at the end, all at once.

    *anchored* is how many of the lowest layers are known to be the locked base image's.
    """

    def __init__(self, tree: FileTree, accounts: Accounts, python: str, anchored: int) -> None:
        self._tree = tree
        self._accounts = accounts
        self._python = python
        self._minor = int(python.split(".")[1]) if python else 0  # packages alone may be for an unknown one
        self._anchored = anchored
        self._stale = 0
        self._later: list[_Later] = []

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
        """Count a compiled module that Python does not load."""
        self._stale += 1
        self._accounts.account(owner, "stale", size)
        if source is not None and fault is not None and not fault.age_only:
            self._accounts.stale.append((owner, source))

    def _trust(self, path: str, entry: Entry, source: str, owner: str, optimisation: int) -> None:
        """Record a compiled module whose header fits: only what the base image has is known to be of its source.

        What a link leads to may be of any time, whatever the link is of.
        """
        origin = self._tree.origin(path) if entry.kind != "link" else None
        if origin is not None and 0 < origin.order <= self._anchored:
            self._accounts.account(owner, "bytecode", entry.size)
            return
        of_source = self._tree.origin(source) if origin is not None else None
        of_layer = origin is not None and of_source is not None and of_source.order >= origin.order < AFTER_START
        if of_layer:
            self._accounts.account(owner, "bytecode", entry.size)
            self._accounts.limits.add("bytecode-body", path)
            return
        self._later.append(_Later(path, entry.size, source, owner, optimisation, entry.modified))

    def settle(self, compare: CompareCode) -> None:
        """Compare what came later than its source, small ones first, and count what is not loaded."""
        known = {each.path: each for each in self._later}
        for verdict in compare(self._python, self._modules()):
            each = known.pop(verdict.path)
            if verdict.outcome == "different":
                detail = f"it came later than its source and is no compilation of it: {verdict.reason}"
                self._accounts.deviate("bytecode", each.path, each.owner, detail)
                continue
            self._accounts.account(each.owner, "bytecode", each.size)
            if verdict.outcome == "not-compared":
                self._accounts.limits.add("bytecode-body", each.path)
        for each in known.values():  # what could not be read, or was not answered
            self._accounts.account(each.owner, "bytecode", each.size)
            self._accounts.limits.add("bytecode-body", each.path)
        if self._stale:
            self._accounts.remarks.append(f"{self._stale} {_STALE}")

    def _modules(self) -> Iterator[CompiledModule]:
        newest = max((each.modified for each in self._later), default=0)
        for each in sorted(self._later, key=lambda later: (newest - later.modified > _NEW, later.size, later.path)):
            try:
                compiled = self._tree.read(each.path, _MAX_COMPILED)
                source = self._tree.read(each.source, _MAX_SOURCE)
            except UnreadableError:
                continue  # of a stream, no more than its header is kept
            if compiled is not None and source is not None and len(compiled) == each.size:
                yield CompiledModule(path=each.path, compiled=compiled, source=source, optimisation=each.optimisation)
