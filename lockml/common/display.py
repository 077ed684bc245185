"""Make foreign text safe to show: escape control characters and remove secrets in URLs."""

import re
import shlex
from urllib.parse import unquote, urlsplit, urlunsplit

__all__ = ["escape", "inert", "redact", "shell_words"]

# C0 and C1 controls, line and paragraph separators, and characters that reorder or hide text: bidi, zero width, tags;
# and characters that XML forbids (XML 1.0, 2.2).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_PARAMETER = r"([?&;#])([^=?&;#]*)=[^&;#]*"
_SECRETS = frozenset({"auth", "jwt", "key", "pass", "pw", "pwd", "sig"})
_SECRET_WORDS = (
    *("token", "secret", "passw", "signature", "credential", "session"),
    *("apikey", "accesskey", "authkey", "privatekey", "authorization"),
)
_URL = r"(?i)\b[a-z][a-z0-9+.-]{0,30}://(?:[^\s'\"<>]|'(?=[^\s'\"<>/]{0,300}@))+"  # compiled on first use


def escape(text: str) -> str:
    r"""Show control and reordering characters of *text* as ``\x1b`` or ``\u202e``, so that it cannot forge a line."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def inert(text: str) -> str:
    """Return foreign *text* without backticks, which would mark a command in a sentence."""
    return text.replace("`", r"\x60")


def shell_words(*texts: str) -> str | None:
    """Return foreign *texts* as shell words; None if a report would show one of them as a different word."""
    if any("`" in text or "   " in text or escape(text) != text for text in texts):
        return None
    return shlex.join(texts)


def redact(text: str) -> str:
    """Remove logins, and values of parameters with names of secrets, from every URL in *text*.

    The user of an ssh address is not a secret.
    """
    if "://" not in text or not ("@" in text or "=" in text):  # most text takes this path
        return text
    return re.sub(_URL, lambda match: _without_secrets(match[0]), text)


def _without_secrets(url: str) -> str:
    shown = _without_userinfo(url)
    return re.sub(_PARAMETER, _without_value, shown) if "=" in shown else shown


def _without_value(match: re.Match[str]) -> str:
    name = re.sub("[^a-z0-9]", "", unquote(match[2]).lower())
    secret = name in _SECRETS or any(word in name for word in _SECRET_WORDS)
    return f"{match[1]}{match[2]}=***" if secret else match[0]


def _without_userinfo(url: str) -> str:
    if _is_torn(url):
        return re.sub("//.*@", "//***@", url)
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


def _is_torn(url: str) -> bool:
    """Return whether an unescaped ``/``, ``?`` or ``#`` ends a login early: no port looks like that."""
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
    host, colon, port = authority.partition(":")
    return bool(host and colon) and "@" not in authority and not authority.startswith("[") and not port.isdigit()
