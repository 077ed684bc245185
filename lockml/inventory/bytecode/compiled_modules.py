"""Find compiled modules that Python would load although they do not come from their sources.

Files in ``__pycache__`` (PEP 3147) are judged by their headers (PEP 552), never by RECORD, as installers recompile. A
matching header says nothing about the code after it. A module that was added later than its source is therefore
compared with what a Python of the same magic number compiles the source to.
"""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from lockml.inventory.bytecode.comparison import CompiledModule, Verdict
from lockml.inventory.bytecode.pyc import Fault, judge_bytecode
from lockml.inventory.file_tree import AFTER_START, Entry, FileTree, UnreadableError
from lockml.inventory.model import PythonEnvironment
from lockml.inventory.reading import MAX_PYC_HEADER
from lockml.inventory.results import SurveyResults

__all__ = ["CompareCode", "CompiledModules", "compare_nothing"]

_MAX_SOURCE: Final = 64 << 20
_LARGEST: Final = 1 << 20  # bytes of code in addition to 64 for each byte of source: nothing compiles to as much
_GROWTH: Final = 64
_MAX_COMPILED: Final = (16 << 20) + MAX_PYC_HEADER
_KEPT: Final = "files that numba caches and loads, and that cannot be compared; NUMBA_CACHE_DIR moves them elsewhere"
_STALE: Final = "compiled modules do not match the sources next to them, but Python does not load them"


CompareCode = Callable[[str, Iterable[CompiledModule]], Iterator[Verdict]]
"""A comparison of a Python's compiled modules with their sources, within a time limit."""


def compare_nothing(_: str, modules: Iterable[CompiledModule]) -> Iterator[Verdict]:
    """Return, for each of *modules*, that it was not compared."""
    return (Verdict(each.path, "not-compared", "no Python on this machine can compile it") for each in modules)


class _Later(NamedTuple):
    """A compiled module that was added later than its source."""

    path: str
    size: int
    source: str
    owner: str
    optimisation: int
    after_start: bool


class CompiledModules:
    """A judge of compiled modules; those possibly added later than their sources are compared at the end, together.

    *anchored* is how many of the lowest layers are known to belong to the locked base image. *salt* is unpredictable
    bytes, which decide what is compared before the time runs out.
    """

    def __init__(
        self, tree: FileTree, results: SurveyResults, environment: PythonEnvironment, anchored: int, salt: bytes = b""
    ) -> None:
        self._tree = tree
        self._results = results
        self._python = environment.python
        self._minor = int(environment.python.split(".")[1]) if environment.python else 0
        self._optimisations = environment.optimisations
        self._anchored = anchored
        self._salt = salt
        self._stale = 0
        self._machine_code: list[str] = []
        self._later: list[_Later] = []

    def judge(self, path: str, entry: Entry, source: tuple[str, Entry], owner: str, optimisation: int) -> None:
        """Judge the compiled module at *path* of a *source*, given with its entry, that *owner* owns."""
        rank, facts = source
        try:
            fault = judge_bytecode(
                self._tree.read(path, MAX_PYC_HEADER) or b"",
                minor=self._minor,
                size=facts.size,
                modified=facts.modified,
                source=lambda: self._tree.read(rank, _MAX_SOURCE),
            )
        except UnreadableError as error:
            self._results.problem(error)
            return
        if fault is None and entry.size > _LARGEST + _GROWTH * facts.size:
            detail = f"it has {entry.size} bytes, more than any compilation of a source of {facts.size} bytes"
            self._results.deviate("bytecode", path, owner, detail)
        elif fault is None:
            self._trust(path, entry, rank, owner, optimisation)
        elif fault.stale:
            self.leave_out(owner, entry.size, rank, fault)
        else:
            self._results.deviate("bytecode", path, owner, fault.detail)

    def leave_out(self, owner: str, size: int, source: str | None = None, fault: Fault | None = None) -> None:
        """Count a compiled module that Python does not load."""
        self._stale += 1
        self._results.account(owner, "stale", size)
        if source is not None and fault is not None and not fault.age_only:
            self._results.mark_stale(owner, source)

    def keep(self, path: str, size: int, owner: str) -> None:
        """Record what numba caches of a function (``cache=True``) and loads: machine code cannot be compared.

        It is written when the function is first called, possibly after the start.
        """
        self._machine_code.append(path)
        self._results.account(owner, "numba", size)
        self._results.limit("bytecode-body", path)

    def _trust(self, path: str, entry: Entry, source: str, owner: str, optimisation: int) -> None:
        """Record a compiled module whose header matches: only one from the base image is known to come from its source.

        The target of a link may be newer than the link.
        """
        linked = entry.kind == "link"
        origin = None if linked else self._tree.origin(path)
        if origin is not None and 0 < origin.order <= self._anchored:
            self._results.account(owner, "bytecode", entry.size)
            return
        of_source = self._tree.origin(source) if origin is not None else None
        of_layer = origin is not None and of_source is not None and of_source.order >= origin.order < AFTER_START
        if of_layer:
            self._results.account(owner, "bytecode", entry.size)
            self._results.limit("bytecode-body", path)
            return
        rank = self._tree.origin(self._tree.resolve(path)) if linked else origin
        after_start = rank is not None and rank.late
        self._later.append(_Later(path, entry.size, source, owner, optimisation, after_start))

    def settle(self, compare: CompareCode) -> None:
        """Compare modules added later than their sources, those changed after the start first; count the unloaded."""
        known = {each.path: each for each in self._later}
        for verdict in compare(self._python, self._modules()):
            each = known.pop(verdict.path)
            if verdict.outcome == "different":
                detail = f"it was added later than its source and is not a compilation of it: {verdict.reason}"
                self._results.deviate("bytecode", each.path, each.owner, detail)
                continue
            self._results.account(each.owner, "bytecode", each.size)
            if verdict.outcome == "not-compared":
                self._results.limit("bytecode-body", each.path)
        for each in known.values():  # could not be read, or got no answer
            self._results.account(each.owner, "bytecode", each.size)
            self._results.limit("bytecode-body", each.path)
        if self._machine_code:
            count = len(self._machine_code)
            self._results.remark(f"{self._machine_code[0]}: {count} {_KEPT}")
        if self._stale:
            self._results.remark(f"{self._stale} {_STALE}")

    def _modules(self) -> Iterator[CompiledModule]:
        """Yield the modules to compare: those changed after the start first, starting with those loaded at startup.

        Times, sizes and names of files decide nothing else: otherwise, anyone who writes a module could hide it behind
        thousands of others.
        """

        def rank(later: _Later) -> tuple[bool, bool, bytes]:
            name = later.path.encode("utf-8", "surrogateescape")
            unused = later.optimisation not in self._optimisations
            return not later.after_start, unused, sha256(self._salt + name).digest()

        for each in sorted(self._later, key=rank):
            try:
                compiled = self._tree.read(each.path, _MAX_COMPILED)
                source = self._tree.read(each.source, _MAX_SOURCE)
            except UnreadableError:
                continue  # only the header of a streamed file is kept
            if compiled is not None and source is not None and len(compiled) == each.size:
                yield CompiledModule(path=each.path, compiled=compiled, source=source, optimisation=each.optimisation)
