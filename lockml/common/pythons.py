"""Parse the name of a Python: ``3.11``, ``3.14t`` or ``pypy3.10``."""

import re
from typing import Final, Literal

from msgspec import Struct
from packaging.version import InvalidVersion, Version

from lockml.common.errors import InputError

__all__ = ["IMPLEMENTATIONS", "KNOWN_MINORS", "PYPYS", "Implementation", "Python", "parse_python"]

Implementation = Literal["cpython", "pypy"]

IMPLEMENTATIONS: Final[dict[Implementation, str]] = {"cpython": "CPython", "pypy": "PyPy"}
"""The value of ``platform.python_implementation()`` for each."""

KNOWN_MINORS: Final = range(8, 15)
"""The minor versions of Python 3 that lockml knows, the oldest of which is the oldest to lock for."""

PYPYS: Final = {8: "7.3.11", 9: "7.3.16", 10: "7.3.19", 11: "7.3.20"}
"""The last PyPy of each minor version of Python 3."""

_PYTHON: Final = re.compile(
    r"(?:(?P<name>cpython|pypy)@?)?3\.(?P<minor>\d{1,3})(?P<patch>\.\d{1,3}(?:(?:a|b|rc)\d+)?)?"
    r"(?P<threads>t|\+freethreaded)?",
    re.ASCII,
)
_TAGGED: Final = r"(?P<name>cp|pp)3(?P<minor>[0-9]{1,2})(?P<patch>)(?P<threads>t?)"
_FREE_THREADED_SINCE: Final = 13


class Python(Struct, frozen=True):
    """The Python of a target: *version* always has a patch release, which counts if it is *exact*."""

    version: Version
    exact: bool
    implementation: Implementation = "cpython"
    free_threaded: bool = False

    def __str__(self) -> str:
        version = str(self.version) if self.exact else f"{self.version.major}.{self.version.minor}"
        name = "" if self.implementation == "cpython" else self.implementation
        return f"{name}{version}{'t' if self.free_threaded else ''}"


def parse_python(text: str) -> Python:
    """Return the Python that *text* names; a bare ``3.11`` is 3.11.0, not exact, ``3.14t`` the free-threaded build.

    The forms of uv (``cpython3.14+freethreaded``, ``pypy@3.10``) and of tags (``cp314t``, ``pp310``) also work.
    Raises InputError for anything but CPython from 3.8, free-threaded from 3.13 and PyPy 3.8 to 3.11.
    """
    match = _PYTHON.fullmatch(text) or re.fullmatch(_TAGGED, text)
    minor = int(match["minor"]) if match is not None else 0
    try:
        version = Version(f"3.{minor}{match['patch'] or '.0'}" if match is not None else "")
    except InvalidVersion:
        match = None
    if match is None or minor < KNOWN_MINORS[0]:
        hint = f"write 3.11, 3.11.7, 3.14t or pypy3.10; 3.{KNOWN_MINORS[0]} is the oldest"
        raise InputError(repr(text), "not a Python version", hint=hint)
    implementation: Implementation = "pypy" if match["name"] in ("pypy", "pp") else "cpython"
    threads = bool(match["threads"])
    if implementation == "pypy" and (threads or minor not in PYPYS):
        raise InputError(repr(text), "not a PyPy that lockml knows", hint="write pypy3.8 to pypy3.11")
    if threads and minor < _FREE_THREADED_SINCE:
        raise InputError(repr(text), "not a free-threaded CPython", hint="3.13t is the oldest")
    return Python(version, bool(match["patch"]), implementation, threads)
