"""Find the library folders of packages that were installed without a Python beside them.

``pip install --target``, ``--prefix`` and ``--user`` fill such folders; others are copies of a site-packages. Their
Python is named by the folder, else by the tags of their wheels (PEP 425), else by the caller.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from lockml.inventory.file_tree import FileTree, UnreadableError
from lockml.inventory.model import PythonEnvironment, Runtime

__all__ = ["packages_at"]

_VERSIONED: Final = re.compile(r"/python(3\.\d+)(t?)/(?:site|dist)-packages$")
_LIBRARY: Final = re.compile(r"python3(?:\.\d+t?)?")
_METADATA: Final = (".dist-info", ".egg-info")
_TAG: Final = re.compile(
    rb"^Tag: cp3(\d+)-(cp3\d+(t?)|abi3t?|none)-\S*?(x86_64|aarch64|ppc64le|s390x|riscv64|armv7l|i686|any)\s*$",
    re.MULTILINE,
)
_MAX_WHEEL: Final = 1 << 14
_MAX_READ: Final = 500


def packages_at(tree: FileTree, prefix: str, runtime: Runtime, python: str = "") -> PythonEnvironment | None:
    """Return the packages in the folder *prefix*, None where there are none; raises UnreadableError.

    *python*, such as ``3.11``, is what they are for if nothing in them says it. A folder without the name of a library
    folder, such as /var/task, may also have the user's own files.
    """
    folder = tree.resolve(prefix)
    sites = (folder,) if _has_packages(tree, folder) else tuple(_sites(tree, folder))
    if not sites:
        return None
    tagged, machine = _of_tags(tree, sites)
    found = {(match[1], bool(match[2])) for site in sites if (match := _VERSIONED.search(site)) is not None}
    version, free_threaded = found.pop() if len(found) == 1 else tagged if tagged is not None else (python, None)
    flat = sites == (folder,) and not posixpath.basename(folder).endswith("-packages")
    return PythonEnvironment(
        prefix=folder,
        python=version,
        machine=machine,
        libc=None,
        site_folders=sites,
        path_folders=sites if flat else (),
        cache_prefixes=("",) if not runtime.environment.get("PYTHONPYCACHEPREFIX") else (),
        alone=True,
        free_threaded=free_threaded,
    )


def _has_packages(tree: FileTree, folder: str) -> bool:
    return any(name.endswith(_METADATA) for name in tree.names(folder))


def _sites(tree: FileTree, folder: str) -> Iterator[str]:
    """Yield the library folders below a prefix that have packages."""
    for above in (f"{folder}/lib", f"{folder}/lib64", f"{folder}/local/lib"):
        if tree.resolve(above) != above:
            continue  # lib64 is lib
        for name in tree.names(above):
            for library in ("site-packages", "dist-packages"):
                site_folder = f"{above}/{name}/{library}"
                if (
                    _LIBRARY.fullmatch(name)
                    and tree.resolve(site_folder) == site_folder
                    and _has_packages(tree, site_folder)
                ):
                    yield site_folder


def _of_tags(tree: FileTree, sites: tuple[str, ...]) -> tuple[tuple[str, bool] | None, str | None]:
    """Return the Python and the architecture that all wheels with compiled modules are for, None if unclear.

    The Python is a version and whether it is free-threaded.
    """
    pythons: set[tuple[str, bool]] = set()
    machines: set[bytes] = set()
    folders = [f"{site}/{name}" for site in sites for name in tree.names(site) if name.endswith(".dist-info")]
    for folder in folders[:_MAX_READ]:
        try:
            content = tree.read(f"{folder}/WHEEL", _MAX_WHEEL) or b""
        except UnreadableError:
            continue  # a stream does not keep it, and it decides nothing that is proven
        for minor, abi, threads, machine in _TAG.findall(content):
            pythons.update([(f"3.{minor.decode()}", bool(threads))] if abi.startswith(b"cp") else [])
            machines.update([machine] if machine != b"any" else [])
    python = pythons.pop() if len(pythons) == 1 else None
    return python, machines.pop().decode() if len(machines) == 1 else None
