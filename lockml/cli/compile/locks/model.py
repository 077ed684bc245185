"""The model of ``[[tool.lockml.lock]]``: tables, the axes of a matrix, and its cells."""

from collections.abc import Mapping

from msgspec import Struct, field

from lockml.common.errors import InputError

__all__ = ["Axis", "AxisValue", "Cell", "LockTable", "fault"]


class AxisValue(Struct, frozen=True, kw_only=True):
    """A value of an axis: its *text*, and the *options* that it sets, by their long names."""

    text: str
    options: Mapping[str, object] = field(default_factory=dict)


class Axis(Struct, frozen=True, kw_only=True):
    """One axis of a matrix."""

    name: str
    values: tuple[AxisValue, ...]


class LockTable(Struct, frozen=True, kw_only=True):
    """A table as written: *options* of compile by their long names, and the *axes* of its matrix.

    Cells that have all values of one of *skipped* are skipped. *bases* are what ``on`` or ``subset-of`` names: tables,
    cells or files. *file* and *number* say where the table is.
    """

    name: str
    file: str
    number: int
    options: Mapping[str, object]
    axes: tuple[Axis, ...] = ()
    skipped: tuple[Mapping[str, str], ...] = ()
    bases: tuple[str, ...] = ()


class Cell(Struct, frozen=True, kw_only=True):
    """One lock: its *options* by their long names, and the *values* of its axes.

    *bases* are names of cells or paths of locks, *needs* the names of the cells to lock before it.
    """

    name: str
    table: LockTable
    values: Mapping[str, str]
    options: Mapping[str, object]
    bases: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    @property
    def lock(self) -> str:
        """The path of its lock."""
        return str(self.options["lock"])

    @property
    def output(self) -> str:
        """The path of its requirements file."""
        return str(self.options["output"])


def fault(table: LockTable, key: str, problem: str, *, hint: str | None = None) -> InputError:
    """Return the error for a *problem* of *key* in *table*; "" is the table itself."""
    place = f"{table.file}: lock {table.name!r}"
    return InputError(f"{place}: {key}" if key else place, problem, hint=hint)
