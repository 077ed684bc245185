"""Open a folder of this machine: a virtual environment, or the root of a file system."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lockml.common.errors import NotFoundError, UnreachableError
from lockml.inventory.model import Runtime, Subject
from lockml.subjects.model import OpenedSubject
from lockml.subjects.tree.folder import FolderTree

__all__ = ["open_path"]


@contextmanager
def open_path(name: str) -> Iterator[OpenedSubject]:
    """Yield the files of the folder *name*; raises NotFoundError, UnreachableError.

    A folder with a pyvenv.cfg (PEP 405), or with a Python and its library but no /usr, is an environment of this
    machine; one with packages but no Python comes from ``pip install --target`` or the like; any other is the root of a
    file system.
    """
    folder = Path(name)
    try:
        if not folder.is_dir():
            raise NotFoundError(f"path {name!r}", "no such folder")
        kind = "environment" if _is_environment(folder) else "packages" if _has_packages(folder) else "root"
        tree = FolderTree("/" if kind != "root" else str(folder))
    except OSError as error:
        raise UnreachableError(f"path {name!r}", f"cannot be read ({error.strerror})") from error
    with tree:
        yield OpenedSubject(
            subject=Subject(kind="path", name=name, details={"is": kind}),
            tree=tree,
            runtime=Runtime(),
            prefix=str(folder.resolve()) if kind != "root" else None,
        )


def _has_packages(folder: Path) -> bool:
    """Return whether *folder* is a library folder with packages, or a prefix with some but without a system."""
    if any(folder.glob("*.dist-info")) or any(folder.glob("*.egg-info")):
        return True
    has_system = any((folder / name).is_dir() for name in ("usr", "etc", "proc"))
    return not has_system and any(folder.glob("lib*/python3*/*-packages/*.dist-info"))


def _is_environment(folder: Path) -> bool:
    if (folder / "pyvenv.cfg").is_file():
        return True
    has_python = (folder / "bin" / "python3").exists() and any(folder.glob("lib/python3.*/os.py"))
    return has_python and not (folder / "usr").is_dir()
