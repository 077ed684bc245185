"""Compare an environment's interpreter with the list that has it, or with the layer of its library.

This includes libpython, and the wheels that Debian keeps for ensurepip.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

from lockml.inventory.integrity.judgement import Judgement
from lockml.inventory.integrity.stdlib import Library
from lockml.inventory.model import Expected, PythonEnvironment
from lockml.inventory.owners.packages import LISTS, PackageLists, owner_in_lists

__all__ = ["hold_program"]

_SHARED: Final = re.compile(r"libpython3[\w.]*\.so(?:\.[\d.]+)?")
_WHEELS: Final = "/usr/share/python-wheels"


def hold_program(
    environment: PythonEnvironment,
    expected: Mapping[str, tuple[Expected, ...]],
    library: Library,
    packages: PackageLists,
    judgement: Judgement,
) -> Iterator[tuple[str, str]]:
    """Yield the files of the interpreter to hash; record what is known without hashing, and count what nothing proves.

    *expected* is what owners say about files; unproven RECORDs do not count. Raises UnreadableError.
    """
    tree, results, program = judgement.tree, judgement.results, environment.program
    _tell_shared(library, judgement)
    yield from _hold_wheels(expected, packages, judgement)
    if program is None or tree.kind(program) != "file":
        return
    listed = tuple(each for each in expected.get(program, ()) if each.basis in LISTS or each.basis in ("lock", "known"))
    fault = _fault(program, listed, library, packages)
    origin = tree.origin(program)
    if fault is not None:
        results.deviate("modified", program, "python", fault)
    elif listed:
        yield from judgement.hold_against(program, program, None, listed)
    elif origin is None or not 0 < origin.order <= judgement.anchored:
        results.limit("interpreter-unproven", program)


def _tell_shared(library: Library, judgement: Judgement) -> None:
    """Record a libpython without a package that a later layer than the library's replaced alone."""
    tree, folder = judgement.tree, posixpath.dirname(library.folder)
    for name in tree.names(folder) if library.folder else ():
        real_path = tree.resolve(f"{folder}/{name}")
        if _SHARED.fullmatch(name) and library.is_replaced_alone(real_path) and owner_in_lists(tree, real_path) is None:
            judgement.results.deviate(
                "modified", real_path, "python", "a later layer replaced only the interpreter's library"
            )


def _hold_wheels(
    expected: Mapping[str, tuple[Expected, ...]], packages: PackageLists, judgement: Judgement
) -> Iterator[tuple[str, str]]:
    """Yield the wheels that Debian's ensurepip installs for hashing; record those that are drift without hashing."""
    for name in judgement.tree.names(_WHEELS):
        path = f"{_WHEELS}/{name}"
        listed = tuple(each for each in expected.get(path, ()) if each.basis in LISTS)
        origin = judgement.tree.origin(path)
        fault = packages.fault(path, listed[0]) if listed else None
        if fault is None and origin is not None and origin.late:
            fault = "it changed since the image was built"
        if fault is not None:
            judgement.results.deviate("modified", path, "python", f"new environments get it, and {fault}")
        elif listed and judgement.tree.kind(path) == "file":
            yield from judgement.hold_against(path, judgement.tree.resolve(path), None, listed)


def _fault(program: str, listed: tuple[Expected, ...], library: Library, packages: PackageLists) -> str | None:
    """Return why the interpreter is drift regardless of its hash."""
    if listed:
        return packages.fault(program, listed[0]) if listed[0].basis in LISTS else None
    if library.is_late(program):
        return "the interpreter changed since the image was built"
    return "a later layer replaced only the interpreter" if library.is_replaced_alone(program) else None
