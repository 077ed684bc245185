"""Hold an environment's interpreter against the list that has it, or against the layer of its library."""

from collections.abc import Iterator

from lockml.inventory.integrity.judgement import Judgement
from lockml.inventory.integrity.stdlib import Library
from lockml.inventory.model import Expected, PythonEnvironment
from lockml.inventory.owners.packages import LISTS, PackageLists

__all__ = ["hold_program"]


def hold_program(
    environment: PythonEnvironment,
    expected: tuple[Expected, ...] | None,
    library: Library,
    packages: PackageLists,
    judgement: Judgement,
) -> Iterator[tuple[str, str]]:
    """Yield what must be hashed of the interpreter; record what is known without that, and count what nothing proves.

    *expected* is what owners say of it; RECORDs that nothing proves do not speak for it. Raises UnreadableError.
    """
    tree, accounts, program = judgement.tree, judgement.accounts, environment.program
    if program is None or tree.kind(program) != "file":
        return
    listed = tuple(each for each in expected or () if each.basis in LISTS or each.basis in ("lock", "known"))
    fault = _fault(program, listed, library, packages)
    origin = tree.origin(program)
    if fault is not None:
        accounts.deviate("modified", program, "python", fault)
    elif listed:
        yield from judgement.hold_against(program, program, None, listed)
    elif origin is None or not 0 < origin.order <= judgement.anchored:
        accounts.limits.add("interpreter-unproven", program)


def _fault(program: str, listed: tuple[Expected, ...], library: Library, packages: PackageLists) -> str | None:
    """Return why the interpreter is drift whatever it hashes to."""
    if listed:
        return packages.fault(program, listed[0]) if listed[0].basis in LISTS else None
    if library.is_late(program):
        return "the interpreter is not the image's"
    return "a later layer replaced the interpreter alone" if library.is_replaced_alone(program) else None
