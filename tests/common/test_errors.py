"""Every exception of lockml is in the tree that lockml.common.errors draws, or says that no user sees it."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

import click
import pytest

import lockml
from lockml.common import errors
from lockml.common.errors import LockmlError

INTERNAL = "never reaches the user"
RUN_WHEN_IMPORTED = ("lockml.__main__", "lockml.audit.store.migrations.env")


def modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(lockml.__path__, "lockml."):
        if module.name not in RUN_WHEN_IMPORTED:
            yield module.name


def exceptions() -> list[type[BaseException]]:
    found: dict[str, type[BaseException]] = {}
    for name in modules():
        for _, kind in inspect.getmembers(importlib.import_module(name), inspect.isclass):
            if issubclass(kind, BaseException) and kind.__module__.startswith("lockml."):
                found[f"{kind.__module__}.{kind.__qualname__}"] = kind
    return [found[name] for name in sorted(found)]


def drawn() -> set[tuple[str, str, int | None]]:
    """Return what the docstring draws: each error, the one above it, and its exit code where one is written."""
    rows: set[tuple[str, str, int | None]] = set()
    above = ["LockmlError"]
    for line in (errors.__doc__ or "").splitlines():
        row = re.fullmatch(r"((?:│   |    )*)[├└]── (\w+)(?: \((\d)\))?  +\S.*", line)
        if row:
            depth = len(row[1]) // 4 + 1
            del above[depth:]
            assert len(above) == depth, f"{line!r} stands too deep"
            rows.add((row[2], above[-1], int(row[3]) if row[3] else None))
            above.append(row[2])
    return rows


def parent(kind: type[BaseException]) -> type[BaseException]:
    """Return what *kind* is drawn below: the nearest class above it that has a public name."""
    (above,) = kind.__bases__
    return parent(above) if above.__name__.startswith("_") else above


def test_tree_is_drawn_as_it_is() -> None:
    kinds = [kind for kind in exceptions() if issubclass(kind, LockmlError) and kind is not LockmlError]
    public = [kind for kind in kinds if not kind.__name__.startswith("_")]
    rows = {
        (kind.__name__, parent(kind).__name__, kind.exit_code if parent(kind) is LockmlError else None)
        for kind in public
    }
    assert len(public) > 10
    assert drawn() == rows


@pytest.mark.parametrize("kind", exceptions(), ids=lambda kind: kind.__name__)
def test_exception_is_in_the_tree_or_said_to_be_internal(kind: type[BaseException]) -> None:
    internal = INTERNAL in (inspect.getdoc(kind) or "") if "__doc__" in vars(kind) else False
    shown = issubclass(kind, (LockmlError, click.ClickException))
    assert shown != internal
