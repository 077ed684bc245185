"""Compare the settings of two inventories that decide what Python loads, besides packages and files."""

from collections.abc import Iterator, Mapping
from typing import Final

from lockml.drift.differences.model import SettingChange
from lockml.inventory.model import LOCK_LABEL, Inventory, PythonEnvironment, Runtime

__all__ = ["compare_settings"]

_VARIABLES: Final = frozenset({"PATH", "VIRTUAL_ENV", "CONDA_PREFIX"})
_OF_PYTHON: Final = ("PYTHON", "LD_")  # prefixes of the variables that Python and the loader read
# HOME is set when a container starts, and what Python uses from it is on the import path


def compare_settings(
    inventories: tuple[Inventory, Inventory], runtimes: tuple[Runtime, Runtime]
) -> Iterator[SettingChange]:
    """Yield a changed Python, platform or import path, and the variables that decide it."""
    one, other = (_facts(each) for each in inventories)
    known = {name for name in (*one, *other) if one.get(name) is not None and other.get(name) is not None}
    yield from (each for each in _changes(one, other) if each.name in known or each.name == "lock label")
    listed = any(each.subject.kind == "freeze" for each in inventories)
    alone = any(each.subject.details.get("is") == "packages" for each in inventories)
    if not listed and not alone:  # those of an environment are this machine's
        before, after = (_deciding(each.environment) for each in runtimes)
        yield from _changes(before, after)


def _facts(inventory: Inventory) -> dict[str, str | None]:
    environment = inventory.environment
    return {
        "python": environment.python_text or None,
        "machine": environment.machine,
        "libc": str(environment.libc) if environment.libc is not None else None,
        "environment": environment.prefix if inventory.subject.kind != "freeze" else None,
        "import path": ", ".join(_import_path(environment)) or None,
        "lock label": inventory.subject.details.get(LOCK_LABEL),
    }


def _import_path(environment: PythonEnvironment) -> Iterator[str]:
    """Yield the import path without what the prefix and the Python decide, which are reported separately."""
    minor = ".".join(environment.python.split(".")[:2])
    for folder in environment.site_folders:
        inside = folder.removeprefix(f"{environment.prefix}/")
        yield inside.replace(f"/python{minor}", "/python") if inside != folder and minor else folder


def _deciding(variables: Mapping[str, str]) -> dict[str, str | None]:
    return {
        f"variable {name}": value
        for name, value in variables.items()
        if name in _VARIABLES or name.startswith(_OF_PYTHON)
    }


def _changes(before: Mapping[str, str | None], after: Mapping[str, str | None]) -> Iterator[SettingChange]:
    for name in dict.fromkeys((*before, *sorted(after))):
        if before.get(name) != after.get(name):
            yield SettingChange(name=name, before=before.get(name), after=after.get(name))
