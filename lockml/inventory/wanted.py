"""Which files an inventory reads, and how much of each: what a streamed archive must keep."""

import re
from typing import Final

__all__ = ["MAX_METADATA", "MAX_PTH", "MAX_RECORD", "kept_bytes"]

MAX_METADATA: Final = 4 << 20
MAX_RECORD: Final = 16 << 20
MAX_PTH: Final = 1 << 16
_SIZES: Final = (
    (re.compile(r"\.dist-info/RECORD$", re.IGNORECASE), MAX_RECORD),
    (
        re.compile(
            r"(?:\.(?:dist|egg)-info|/EGG-INFO)/(?:METADATA|PKG-INFO|INSTALLER|direct_url\.json)$|\.egg-info$",
            re.IGNORECASE,
        ),
        MAX_METADATA,
    ),
    (re.compile(r"/pyvenv\.cfg$|/patchlevel\.h$|\.pth$"), MAX_PTH),
    (re.compile(r"^/var/lib/dpkg/status$|^/lib/apk/db/installed$"), 64 << 20),
    (re.compile(r"/libc\.so\.6$|/libc-2\.\d+\.so$"), 16 << 20),
    (re.compile(r"/bin/(?:python|pypy)[^/]*$"), 64),
)


def kept_bytes(path: str) -> int:
    """Return how many bytes of the file at the absolute *path* an inventory may ask for, 0 for none."""
    return next((size for pattern, size in _SIZES if pattern.search(path)), 0)
