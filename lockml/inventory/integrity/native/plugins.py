"""Find configurations that make C libraries load code, and the named code that nothing accounts for.

config(5ssl): engines and providers with a path, in the files of OPENSSL_CONF or the usual places, which Python's ssl
and hashlib read on import; nsswitch.conf(5): services, each of which is a shared object. Bare names are looked up in
folders that `native` checks.
"""

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from lockml.inventory.file_tree import AFTER_START, FileTree, UnreadableError
from lockml.inventory.integrity.native.shared_objects import SHARED_OBJECT
from lockml.inventory.model import PythonEnvironment, Runtime
from lockml.inventory.reading import MAX_PTH, text_lines

__all__ = ["named_by_openssl", "named_by_services"]

_USUAL: Final = ("/etc/ssl", "/usr/lib/ssl", "/etc/pki/tls", "/usr/local/ssl", "/usr/local/etc/openssl")
_SERVICES: Final = "/etc/nsswitch.conf"
_LOADING: Final = frozenset(
    {"dynamic_path", "so_path", "module", "engine_id", "id", "dir_add", "module_path", "pkcs11-module-path"}
)
_INCLUDE: Final = re.compile(r"\s*\.include\s*=?\s*(?P<path>.+?)\s*")
_PRAGMA: Final = re.compile(r"\s*\.pragma\s*=?\s*includedir\s*:\s*(?P<path>.+?)\s*")
_VARIABLE: Final = re.compile(r"\$(?:\{(?:\w+::)?(\w+)\}|\((?:\w+::)?(\w+)\)|(?:\w+::)?(\w+))")
_WORD: Final = re.compile(r"[\w-]+")
_ELF: Final = b"\x7fELF"
_MAX_FILES: Final = 64

IsOwned = Callable[[str], bool]


def named_by_openssl(
    tree: FileTree,
    environment: PythonEnvironment,
    runtimes: Sequence[Runtime],
    folders: Collection[str],
    is_owned: IsOwned,
) -> Iterator[tuple[str, str]]:
    """Yield each OpenSSL configuration with what it loads that is neither in *folders* nor owned.

    Raises UnreadableError.
    """
    waiting = list(dict.fromkeys(_configurations(environment, runtimes)))
    seen: set[str] = set()
    while waiting:
        place = tree.resolve(waiting.pop(0))
        if place in seen or tree.kind(place) == "missing":
            continue
        if tree.kind(place) == "folder":
            waiting += [f"{place}/{name}" for name in tree.names(place) if name.endswith((".cnf", ".conf"))]
            continue
        seen.add(place)
        if len(seen) > _MAX_FILES:
            raise UnreadableError(place, f"OpenSSL is configured by more than {_MAX_FILES} files")
        lines = _lines(tree, place)
        waiting += _included(lines, runtimes)
        for value in _named(tree, lines):
            if not _is_accounted_for(tree, value, folders, is_owned):
                yield place, value


def named_by_services(tree: FileTree, folders: Collection[str], is_owned: IsOwned) -> Iterator[tuple[str, str]]:
    """Yield the name service configuration with each object that it loads and that has no owner.

    Only a configuration changed after the start counts: for the image's, the objects do. Raises UnreadableError.
    """
    origin = tree.origin(tree.resolve(_SERVICES))
    if origin is None or origin.order != AFTER_START:  # a container engine may mount one
        return
    lines = (line.partition("#")[0].partition(":")[2] for line in _lines(tree, tree.resolve(_SERVICES)))
    for service in sorted({word for line in lines for word in _WORD.findall(line)}):
        objects = (f"{folder}/libnss_{service}.so.2" for folder in folders)
        found = next((each for each in objects if tree.kind(each) == "file"), None)
        if found is not None and not is_owned(found):
            yield _SERVICES, found


def _configurations(environment: PythonEnvironment, runtimes: Sequence[Runtime]) -> Iterator[str]:
    for runtime in runtimes:
        if named := runtime.environment.get("OPENSSL_CONF"):
            yield posixpath.join(runtime.working_folder or "/", named)
    bases = [environment.prefix]
    if environment.library is not None:
        bases.append(posixpath.dirname(posixpath.dirname(environment.library)))
    yield from (f"{folder}/openssl.cnf" for folder in (*_USUAL, *(f"{base}/ssl" for base in bases)))


def _lines(tree: FileTree, path: str) -> list[str]:
    content = tree.read(path, MAX_PTH + 1) or b""
    if len(content) > MAX_PTH:
        raise UnreadableError(path, f"it has more than {MAX_PTH} bytes")
    return "\n".join(text_lines(content)).replace("\\\n", "").split("\n")


def _included(lines: Sequence[str], runtimes: Sequence[Runtime]) -> Iterator[str]:
    """Yield the files and folders that a configuration includes; relative ones from every possible base."""
    folders = [match["path"] for match in map(_PRAGMA.fullmatch, lines) if match is not None]
    for runtime in runtimes:
        folders += [runtime.environment.get("OPENSSL_CONF_INCLUDE", ""), runtime.working_folder]
    for match in map(_INCLUDE.fullmatch, lines):
        if match is not None:
            path = _plain(match["path"], {})
            yield from (posixpath.join(folder or "/", path) for folder in dict.fromkeys(("/", *folders)))


def _named(tree: FileTree, lines: Sequence[str]) -> Iterator[str]:
    """Yield the paths of objects in a configuration: values of settings that load one or lead to one."""
    settings = [line.partition("=")[::2] for line in lines if not line.lstrip().startswith(("#", "["))]
    values: dict[str, set[str]] = {}
    for key, text in settings:
        values.setdefault(key.strip().rpartition("::")[2], set()).add(text.strip())
    variables = {name: several.pop() for name, several in values.items() if len(several) == 1}
    for key, text in settings:
        value = _plain(text, variables)
        loads = key.strip().rpartition("::")[2].lower() in _LOADING
        if (loads and re.search("[/$]", value)) or _is_object(tree, value):
            yield value


def _is_accounted_for(tree: FileTree, value: str, folders: Collection[str], is_owned: IsOwned) -> bool:
    """Return whether what a configuration names is unchanged and in a checked folder, or has an owner."""
    if not value.startswith("/") or "$" in value:
        return False
    if tree.kind(value) == "folder":
        return tree.resolve(value) in folders
    return tree.resolve(posixpath.dirname(value)) in folders or is_owned(value)


def _is_object(tree: FileTree, path: str) -> bool:
    if not path.startswith("/") or tree.kind(path) != "file":
        return False
    if SHARED_OBJECT.fullmatch(posixpath.basename(path)):
        return True
    try:
        return tree.read(path, len(_ELF)) == _ELF
    except UnreadableError:  # a stream does not keep every file
        return False


def _plain(text: str, variables: Mapping[str, str]) -> str:
    """Return a value without its comment, quotes and escapes, and with its *variables* expanded."""
    for _ in range(8):
        text = _VARIABLE.sub(lambda match: variables.get(next(filter(None, match.groups())), match[0]), text)
    if not re.search("[\"'`]", text):
        text = text.partition("#")[0]
    return re.sub("[\"'`\\\\]", "", text).strip()
