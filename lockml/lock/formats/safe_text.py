"""Foreign text in, the same in a form that no reader of requirements.txt or TOML takes for structure, out.

pip splits a requirement file wherever `str.splitlines` does, joins lines at a backslash, drops what follows `` #`` and
puts the value of a variable in the place of ``${NAME}``; uv does the last too. URLs may hold any of that in their
percent-encoded form (RFC 3986); paths and markers may not.
"""

import re
from typing import Final

from lockml.common.display import escape
from lockml.common.errors import LockError

__all__ = ["safe_comment", "safe_digest", "safe_line", "safe_toml"]

_SPLITS: Final = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
_VARIABLE: Final = re.compile(r"\$\{[A-Z0-9_]+\}")
_COMMENT: Final = re.compile(r"\s#")  # a marker is no shelter: pip cuts lines before it reads them
_IN_TOML: Final = (
    "[\x80-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_DIGEST: Final = re.compile(r"[a-z0-9_]+:[0-9a-fA-F]+")


def safe_line(line: str, name: str) -> str:
    """Return *line*, a requirement of *name* or an option; raises LockError where pip would read more than one thing.

    A URL in it must be safe already.
    """
    found = _SPLITS.search(line) or _VARIABLE.search(line) or _COMMENT.search(line)
    fault = repr(found[0]) if found else ""
    if line.endswith("\\"):
        fault = "a backslash at its end"
    if fault:
        problem = f"cannot stand in a requirements.txt: pip takes {fault} in {escape(line)!r} for something else"
        raise LockError(name, problem, hint="rename the file or folder, or change the address")
    return line


def safe_digest(kind: str, digest: str, name: str) -> str:
    """Return the value of ``--hash``; raises LockError where *digest* is not hexadecimal."""
    value = f"{kind}:{digest}"
    if not _DIGEST.fullmatch(value):
        raise LockError(name, f"has {escape(value)!r} for a hash, which is not hexadecimal")
    return value


def safe_comment(text: str) -> str:
    """Return *text* for a comment: it stays on its line."""
    return escape(text)


def safe_toml(text: str) -> str:
    r"""Return the TOML *text* with characters that control, hide or reorder text written as ``\u202E``.

    They stand within quotation marks only, as TOML's own syntax has none of them.
    """
    if text.isascii():
        return text
    return re.sub(_IN_TOML, _toml_escape, text)


def _toml_escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\u{code:04X}" if code < 1 << 16 else f"\\U{code:08X}"
