"""Foreign text in, text that is safe to show out: control characters escaped, secrets in URLs removed."""

import re
from urllib.parse import urlsplit, urlunsplit

__all__ = ["escape", "redact"]

# C0 and C1 controls, line and paragraph separators, and characters that reorder or hide text: bidi, zero width, tags.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_URL = r"(?i)\b[a-z][a-z0-9+.-]{0,30}://[^\s'\"<>]+"  # compiled when there is one: most runs tell none


def escape(text: str) -> str:
    r"""Show control and reordering characters of *text* as ``\x1b`` or ``\u202e``, so that it cannot forge a line."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def redact(text: str) -> str:
    """Take user names and passwords out of every URL within *text*; the user of an ssh address is no secret."""
    if "@" not in text or "://" not in text:  # most text, of which there is much
        return text
    return re.sub(_URL, lambda match: _without_userinfo(match[0]), text)


def _without_userinfo(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//[^/@]*@", "//", url)
    login, at, host = parts.netloc.rpartition("@")
    if not at:
        return url
    if parts.scheme.lower().endswith("ssh"):
        return urlunsplit(parts._replace(netloc=f"{login.partition(':')[0]}@{host}"))
    return urlunsplit(parts._replace(netloc=host))
