"""Return how an inventory reads files: which ones, how much of each, by which digests, and as which lines."""

import re
from typing import Final

from lockml.inventory.file_tree import UnreadableError

__all__ = [
    "MAX_CACHE",
    "MAX_LIST",
    "MAX_METADATA",
    "MAX_PTH",
    "MAX_PYC_HEADER",
    "MAX_RECORD",
    "MAX_SCRIPT",
    "bytes_wanted",
    "digest_algorithms",
    "plain_lines",
    "text_lines",
]

# characters where str.splitlines ends a line but reading a file by lines does not
_ODD: Final = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
MAX_METADATA: Final = 4 << 20
MAX_RECORD: Final = 16 << 20
MAX_PTH: Final = 1 << 16
MAX_CACHE: Final = 8 << 20
MAX_LIST: Final = 16 << 20
MAX_PYC_HEADER: Final = 16
MAX_SCRIPT: Final = 1 << 16
_DIST: Final = re.compile(
    r"\.(?:dist|egg)-info/(?:METADATA|PKG-INFO|WHEEL|INSTALLER|direct_url\.json|entry_points\.txt|installed-files\.txt)$"
    r"|/EGG-INFO/PKG-INFO$|\.egg-info$",
    re.IGNORECASE,
)
_SIZES: Final = (
    (re.compile(r"\.dist-info/RECORD$", re.IGNORECASE), MAX_RECORD),
    (_DIST, MAX_METADATA),
    (re.compile(r"/pyvenv\.cfg$|/patchlevel\.h$|\.pth$"), MAX_PTH + 1),
    (re.compile(r"^/etc/passwd$"), MAX_PTH),
    (re.compile(r"^/var/lib/dpkg/status$|^/lib/apk/db/installed$"), 64 << 20),
    (re.compile(r"^/var/lib/dpkg/(?:info|status\.d)/[^/]*\.(?:md5sums|list)$|/conda-meta/[^/]*\.json$"), MAX_LIST),
    (re.compile(r"/libc\.so\.6$|/libc-2\.\d+\.so$"), 16 << 20),
    (re.compile(r"/bin/(?!busybox)[^/]+$"), MAX_SCRIPT + 1),
    (re.compile(r"/python3\.\d+t?/venv/scripts/(?:common|posix)/[^/]+$"), MAX_SCRIPT),
    (re.compile(r"-packages/(?:__editable___\w+|_editable_impl_\w+)\.py$|\.egg-link$"), MAX_PTH + 1),
    (re.compile(r"/_virtualenv\.py$|-packages/README\.txt$|\.virtualenv$"), MAX_PTH),
    (re.compile(r"/python3\.\d+t?/site\.py$|^/etc/ld\.so\.preload$|^/etc/ld\.so\.conf(?:\.d/[^/]*\.conf)?$"), MAX_PTH),
    (re.compile(r"^/etc/ld\.so\.cache$"), MAX_CACHE),
    (re.compile(r"\.cnf$|^/etc/nsswitch\.conf$|^/etc/ld-musl-\w+\.path$"), MAX_PTH + 1),
)
_WEAK: Final = re.compile(
    r"^/(?:(?:usr/lib(?:64)?|etc|usr/bin)/python3|usr/share/python-wheels/)"
)  # what the lists of Debian (MD5) and Alpine (SHA-1) cover


def bytes_wanted(path: str) -> int:
    """Return how many bytes of the file at the absolute *path* an inventory may read, 0 for none."""
    if path.endswith(".pyc"):
        return MAX_PYC_HEADER
    return next((size for pattern, size in _SIZES if pattern.search(path)), 0)


def digest_algorithms(path: str) -> tuple[str, ...]:
    """Return the digests of the file at the absolute *path* that an inventory may request."""
    if path.endswith(".pyc"):
        return ("sha256",) if "/__pycache__/" not in path else ()
    return ("sha256", "md5", "sha1") if _WEAK.match(path) else ("sha256",)


def text_lines(content: bytes) -> list[str]:
    """Return the lines, ended by a line feed, a carriage return or both, as in reading a file by lines."""
    text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def plain_lines(content: bytes, path: str) -> list[str]:
    """Return the lines of the file at *path*; raises UnreadableError if another reader would see other lines."""
    lines = text_lines(content)
    if any(_ODD.search(line) for line in lines) or re.search(rb"\r(?!\n)", content) is not None:
        raise UnreadableError(path, "it has a control character that some readers treat as the end of a line")
    return lines
