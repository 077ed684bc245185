"""A `FileTree` and how its process starts in, the Python environments that it holds out, the one it uses first.

Virtual environments: PEP 405. Debian's layout (dist-packages) and the standard one are known.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Final

from lockml.inventory.model import PythonEnvironment, Runtime
from lockml.inventory.platforms import libc_of, machine_of
from lockml.ports import FileTree

__all__ = ["find_environments", "prefix_place"]

_USUAL_PREFIXES: Final = ("/venv", "/.venv", "/opt/venv", "/app/.venv", "/app/venv", "/opt/conda")
_SYSTEM_PREFIXES: Final = ("/usr/local", "/usr")
_LIBRARY: Final = re.compile(r"python(3\.\d+)t?")


def find_environments(tree: FileTree, runtime: Runtime) -> tuple[PythonEnvironment, ...]:
    """Return every environment found, without its distributions; the first is the one that ``python`` starts.

    Raises UnreadableError where the tree cannot be read at all.
    """
    found: dict[str, PythonEnvironment] = {}
    for prefix in _prefixes(tree, runtime):
        place = prefix_place(tree, prefix)
        if place not in found:
            environment = _environment_at(tree, place)
            if environment is not None:
                found[place] = environment
    return tuple(found.values())


def prefix_place(tree: FileTree, prefix: str) -> str:
    """Return the folder that *prefix* leads to: where its pyvenv.cfg is, else where its ``bin`` is.

    So ``/`` and ``/usr`` are one place where ``/bin`` is a link to ``/usr/bin``.
    """
    name = "pyvenv.cfg" if tree.kind(f"{prefix}/pyvenv.cfg") == "file" else "bin"
    return posixpath.dirname(tree.resolve(f"{prefix}/{name}"))


def _prefixes(tree: FileTree, runtime: Runtime) -> Iterator[str]:
    """Yield the folders that may be an environment: by the variables of the process, then the usual places.

    Where the PATH is not known, an environment that somebody made comes before the system's Python.
    """
    chosen = runtime.environment.get("VIRTUAL_ENV")
    if chosen:
        yield chosen
    for folder in runtime.environment.get("PATH", "").split(":"):
        if posixpath.basename(folder.rstrip("/")) == "bin":
            yield posixpath.dirname(folder.rstrip("/")) or "/"
    for name in (".venv", "venv"):
        yield posixpath.join(runtime.working_folder or "/", name)
    yield from _USUAL_PREFIXES
    for name in tree.names("/opt"):
        yield f"/opt/{name}"
    yield from _SYSTEM_PREFIXES


def _environment_at(tree: FileTree, prefix: str) -> PythonEnvironment | None:
    interpreter = _interpreter(tree, prefix)
    configuration = _read_configuration(tree, f"{prefix}/pyvenv.cfg")
    libraries = [name for name in tree.names(f"{prefix}/lib") if _LIBRARY.fullmatch(name)]
    if configuration is None and interpreter is None:
        return None
    minor = _minor_version(interpreter, libraries, configuration)
    if minor is None or (configuration is None and f"python{minor}" not in libraries):
        return None
    machine = machine_of(tree, interpreter) if interpreter else None
    return PythonEnvironment(
        prefix=prefix,
        python=_exact_version(tree, prefix, minor, configuration),
        machine=machine,
        libc=libc_of(tree),
        site_folders=_site_folders(tree, prefix, minor, configuration),
    )


def _interpreter(tree: FileTree, prefix: str) -> str | None:
    """Return where ``bin/python3`` leads, or None where no Python is there."""
    for name in ("python3", "python"):
        place = tree.resolve(f"{prefix}/bin/{name}")
        if tree.kind(place) == "file":
            return place
    names = sorted(name for name in tree.names(f"{prefix}/bin") if re.fullmatch(r"python3\.\d+", name))
    return tree.resolve(f"{prefix}/bin/{names[-1]}") if names else None


def _read_configuration(tree: FileTree, path: str) -> dict[str, str] | None:
    content = tree.read(path, 1 << 16)
    if content is None:
        return None
    pairs = (line.partition("=") for line in content.decode("utf-8", "replace").splitlines())
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _minor_version(interpreter: str | None, libraries: list[str], configuration: dict[str, str] | None) -> str | None:
    if configuration is not None:
        version = configuration.get("version_info", configuration.get("version", ""))
        match = re.match(r"3\.\d+", version)
        if match:
            return match[0]
    else:
        named = re.fullmatch(r"python(3\.\d+)t?", posixpath.basename(interpreter or ""))
        if named:
            return named[1]
    match = _LIBRARY.fullmatch(libraries[-1]) if libraries else None
    return match[1] if match else None


def _exact_version(tree: FileTree, prefix: str, minor: str, configuration: dict[str, str] | None) -> str:
    """Return the version with its patch release where a file tells it, else *minor*."""
    if configuration is not None:
        version = configuration.get("version_info", configuration.get("version", ""))
        match = re.match(r"3\.\d+\.\d+(?:(?:a|b|rc)\d+)?", version)
        return match[0] if match else minor
    header = tree.read(f"{prefix}/include/python{minor}/patchlevel.h", 1 << 16) or b""
    match_header = re.search(rb'#define\s+PY_VERSION\s+"(3\.\d+\.\d+[^"+]*)"', header)
    if match_header:
        return match_header[1].decode("ascii", "replace")
    if prefix == "/usr":
        status = tree.read("/var/lib/dpkg/status", 64 << 20) or b""
        paragraph = rb"^Package: python" + re.escape(minor.encode()) + rb"-minimal\n(?:.+\n)*?Version: (3\.\d+\.\d+)"
        match_package = re.search(paragraph, status, re.MULTILINE)
        if match_package:
            return match_package[1].decode("ascii")
    return minor


def _site_folders(tree: FileTree, prefix: str, minor: str, configuration: dict[str, str] | None) -> tuple[str, ...]:
    """Return the library folders that are there, in the order of the import path."""
    wanted = [f"{prefix}/lib/python{minor}/site-packages", f"{prefix}/lib64/python{minor}/site-packages"]
    if configuration is None and prefix == "/usr":
        wanted = [f"/usr/local/lib/python{minor}/dist-packages", "/usr/lib/python3/dist-packages", *wanted]
    if configuration is not None and configuration.get("include-system-site-packages", "").lower() == "true":
        base = posixpath.dirname(configuration.get("home", "").rstrip("/"))
        wanted += _site_folders(tree, tree.resolve(base), minor, None) if base else ()
    places: dict[str, str] = {}
    for folder in wanted:
        if tree.kind(folder) == "folder":
            places.setdefault(tree.resolve(folder), folder)
    return tuple(places)
