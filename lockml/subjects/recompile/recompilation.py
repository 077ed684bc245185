"""Compile the sources of compiled modules again, with a Python of this machine, and compare the code.

Files of a subject are only read (`lockml.inventory.bytecode.code_objects`): its compiled modules are never loaded,
and its own Python never runs. Digests of what sources compile to are cached by the source's SHA-256 and the compiler.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec import Struct

from lockml.inventory.bytecode.code_objects import MINORS, CodeError, code_digest
from lockml.inventory.bytecode.comparison import CompiledModule, Verdict, judge_code
from lockml.subjects.recompile.cache import KeptCode
from lockml.subjects.recompile.compiler_process import CompilerError, CompilerProcess

__all__ = ["Recompilation"]

_MAX_SOURCE: Final = 8 << 20
_MAX_BATCH: Final = 64
_MAX_BATCH_BYTES: Final = 1 << 20
_MAX_PROGRAMS: Final = 4
_COLUMNS_SINCE: Final = 11
_LEAST_PATIENCE: Final = 0.5
_NO_TIME: Final = "the time limit was reached"


class _Chosen(Struct, frozen=True):
    program: str
    release: str
    magic: bytes
    code_cache: KeptCode


class Recompilation:
    """A comparison of compiled modules of Python 3.*minor*, exactly *release* if that is known, with their sources.

    All compilations together may take *seconds*, over all calls, and one source a quarter of that; 0 disables it. The
    results are cached in *folder*, if any, when it is closed.
    """

    def __init__(self, minor: int, release: str | None, *, seconds: float, folder: Path | None) -> None:
        self._minor = minor
        self._release = release
        self._seconds = self._left = seconds
        self._folder = folder
        self._processes: dict[bool, CompilerProcess] = {}
        # With PYTHONNODEBUGRANGES (3.11), code has no columns, and occasionally differs.
        self._columns = True
        self._chosen: _Chosen | None = None
        self._unable = "its time limit is 0" if seconds <= 0 else ""
        if minor not in MINORS:
            self._unable = f"the bytecode format of Python 3.{minor} is not known"

    def __enter__(self) -> "Recompilation":
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        if self._chosen is not None:
            self._chosen.code_cache.keep()

    def compare(self, modules: Iterable[CompiledModule]) -> Iterator[Verdict]:
        """Yield a verdict for each of the *modules*, in any order; the last ones may exceed the time limit."""
        batch: list[CompiledModule] = []
        size = 0
        for module in modules:
            verdict = self._at_once(module)
            if verdict is not None:
                yield verdict
                continue
            batch.append(module)
            size += len(module.source)
            if len(batch) == _MAX_BATCH or size >= _MAX_BATCH_BYTES:
                yield from self._compiled(batch)
                batch, size = [], 0
        yield from self._compiled(batch)

    def _at_once(self, module: CompiledModule) -> Verdict | None:
        """Return the verdict on *module* if that needs no compilation."""
        chosen = self._choose()
        if chosen is None:
            return Verdict(module.path, "not-compared", self._unable)
        if module.magic != chosen.magic:
            text = f"its magic number is not that of this machine's Python {chosen.release}"
            return Verdict(module.path, "not-compared", text)
        if len(module.source) > _MAX_SOURCE:
            return Verdict(module.path, "not-compared", f"its source has more than {_MAX_SOURCE >> 20} MiB")
        digests = chosen.code_cache.of_source(module)
        if digests and self._digest(module, chosen.code_cache) in digests:
            return Verdict(module.path, "same")
        return Verdict(module.path, "not-compared", _NO_TIME) if self._left <= 0 else None

    def _digest(self, module: CompiledModule, code_cache: KeptCode) -> bytes | None:
        """Return the digest of the code in *module*, None if it cannot be read or the time is up."""
        body = module.body
        digest = code_cache.of_body(body)
        if digest is not None or self._left <= 0:
            return digest
        began = time.monotonic()
        with suppress(CodeError):
            digest = code_digest(body, self._minor)
            code_cache.put_body(body, digest)
        self._left -= time.monotonic() - began
        return digest

    def _choose(self) -> _Chosen | None:
        """Return the Python that compiles, preferring the subject's exact release; None if there is none."""
        if self._chosen is not None or self._unable:
            return self._chosen
        began = time.monotonic()
        self._unable = f"this machine has no working Python 3.{self._minor}"
        for program in _programs(self._minor):
            try:
                process = self._started(program, began + self._left)
            except CompilerError:
                continue
            compiler = process.compiler
            if not compiler.release.startswith(f"3.{self._minor}."):
                process.close()
            elif self._chosen is None or compiler.release == self._release:
                self._stop()
                code_cache = KeptCode(self._folder, compiler)
                self._processes[True] = process
                self._chosen = _Chosen(program, compiler.release, compiler.magic, code_cache)
                if self._release in (None, compiler.release):
                    break
            else:
                process.close()
        self._left -= time.monotonic() - began
        return self._chosen

    def _compiled(self, modules: list[CompiledModule]) -> list[Verdict]:
        """Return the verdicts on *modules*, after a second compilation without or with columns if one is open."""
        verdicts = self._pass(modules, columns=self._columns)
        if self._minor < _COLUMNS_SINCE:
            return verdicts
        unsure = [place for place, verdict in enumerate(verdicts) if verdict.open]
        second = self._pass([modules[place] for place in unsure], columns=not self._columns)
        if not any(v.outcome == "same" for v in verdicts) and any(v.outcome == "same" for v in second):
            self._columns = not self._columns
        for place, verdict in zip(unsure, second, strict=True):
            verdicts[place] = _later(verdicts[place], verdict)
        return verdicts

    def _pass(self, modules: list[CompiledModule], *, columns: bool) -> list[Verdict]:
        """Return the verdicts on *modules*; those that break the compiler, or take too long, are not compared."""
        verdicts: list[Verdict] = []
        while len(verdicts) < len(modules) and self._left > 0:
            began = time.monotonic()
            try:
                self._compile(modules[len(verdicts) :], began + self._left, verdicts, columns=columns)
            except CompilerError as error:
                self._stop()
                late = time.monotonic() >= began + self._left
                reason = _NO_TIME if late else error.reason
                verdicts.append(Verdict(modules[len(verdicts)].path, "not-compared", reason))
            self._left -= time.monotonic() - began
        return verdicts + [Verdict(module.path, "not-compared", _NO_TIME) for module in modules[len(verdicts) :]]

    def _compile(self, modules: list[CompiledModule], until: float, verdicts: list[Verdict], *, columns: bool) -> None:
        """Add verdicts on *modules* to *verdicts* one by one; raises CompilerError for the first without an answer."""
        chosen = self._chosen
        if chosen is None:
            raise CompilerError(self._unable)
        if columns not in self._processes:
            self._processes[columns] = self._started(chosen.program, until, columns=columns)
        process = self._processes[columns]
        process.give([(module.source, module.optimisation) for module in modules], until)
        patience = max(_LEAST_PATIENCE, self._seconds / 4)
        for module in modules:
            answer = process.take(min(until, time.monotonic() + patience))
            if isinstance(answer, str):
                text = f"Python {chosen.release} does not compile its source ({answer})"
                verdicts.append(Verdict(module.path, "not-compared", text))
                continue
            same_release = chosen.release == self._release
            verdict = judge_code(module, answer, self._minor, same_release=same_release)
            if verdict.digest is not None:
                chosen.code_cache.put_source(module, verdict.digest, columns=columns)
                chosen.code_cache.put_body(module.body, verdict.digest)
            verdicts.append(verdict)

    def _started(self, program: str, until: float, *, columns: bool = True) -> CompilerProcess:
        options = () if columns else ("-X", "no_debug_ranges")
        return CompilerProcess((program, *options), seconds=int(self._seconds) + 2, until=until)

    def _stop(self) -> None:
        for process in self._processes.values():
            process.close()
        self._processes.clear()


def _later(first: Verdict, second: Verdict) -> Verdict:
    """Return the verdict that applies of two: a difference needs both."""
    return second if second.outcome == "same" or first.outcome == "different" else first


def _programs(minor: int) -> Iterator[str]:
    """Yield Pythons of this machine that may have that *minor* release, starting with the one that runs lockml."""
    found: dict[Path, str] = {}
    if sys.executable and sys.version_info[:2] == (3, minor) and sys.implementation.name == "cpython":
        found[Path(sys.executable).resolve()] = sys.executable
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = Path(folder, f"python3.{minor}")
        if program.is_absolute() and os.access(program, os.X_OK):
            found.setdefault(program.resolve(), str(program))
    yield from list(found.values())[:_MAX_PROGRAMS]
