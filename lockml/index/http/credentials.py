"""Credentials of indexes: a user name and a password for an address, from where pip's users keep them.

In this order: the address itself, one of the same origin that the user named, the netrc file, the ``keyring`` program.
The login in an address that a server named, in a page or a redirect, serves that address and no other.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import unquote, urlsplit

from lockml.common.errors import PackageIndexError
from lockml.index.http.file_urls import expand_home

__all__ = ["Login", "Logins", "origin_of"]

Login = tuple[str, str]
"""A user name and a password."""

_PORTS: Final = {"http": 80, "https": 443}
_PATIENCE: Final = 30  # seconds that a keyring may take to answer


class Logins:
    """Finds logins and keeps them by origin; safe to use from several threads."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._given: dict[str, Login] = {}
        self._asked: dict[str, Login | None] = {}
        self._netrc = _netrc_logins()
        self._lock = Lock()

    def know(self, url: str) -> None:
        """Take note of *url*, which the user named: its login serves all of its origin."""
        if urlsplit(url).username:
            with self._lock:
                self._named.setdefault(origin_of(url), url)

    def find(self, url: str) -> Login | None:
        """Return the login for *url*, without asking the keyring unless an address names a user and no password.

        Raises ValueError for what is no address.
        """
        parts, origin = urlsplit(url), origin_of(url)
        named = url if parts.username else self._named.get(origin)
        if named is not None:
            return self._login_in(named)
        return self._given.get(origin) or self._netrc.get(parts.hostname or "")

    def _login_in(self, url: str) -> Login:
        parts = urlsplit(url)
        found = self.ask_keyring(url) if parts.password is None else None
        return found or (unquote(parts.username or ""), unquote(parts.password or ""))

    def ask_keyring(self, url: str) -> Login | None:
        """Return the login that the ``keyring`` program has for the origin of *url*, asked once; None without one."""
        origin = origin_of(url)
        with self._lock:
            if origin not in self._asked:
                self._asked[origin] = _from_keyring(url)
                found = self._asked[origin]
                if found is not None:
                    self._given[origin] = found
            return self._asked[origin]


def origin_of(url: str) -> str:
    """Return the scheme, the host and the port of *url* (RFC 6454); raises ValueError for what is no address."""
    parts = urlsplit(url)
    port = parts.port if parts.port is not None else _PORTS.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _from_keyring(url: str) -> Login | None:
    import shutil
    import subprocess  # few need a keyring

    program = shutil.which("keyring")
    if program is None:
        return None
    parts = urlsplit(url)
    user = unquote(parts.username or "")
    for service in _services(url):
        command = [program, "get", service, user] if user else [program, "--mode", "creds", "get", service]
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the service is an address without a login
                command, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        lines = done.stdout.splitlines()
        if done.returncode == 0 and len(lines) == (1 if user else 2):
            return (user, lines[0]) if user else (lines[0], lines[1])
    return None


def _services(url: str) -> Iterator[str]:
    """Yield what a keyring may know the index by: its address, its origin, its host."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    yield from dict.fromkeys((parts._replace(netloc=host).geturl(), f"{parts.scheme}://{host}", host))


def _netrc_logins() -> dict[str, Login]:
    """Return the logins of the user's netrc file (NETRC, ~/.netrc) by host; one for any host does not count."""
    path = os.environ.get("NETRC") or str(expand_home(os.environ.get("HOME", "~")) / ".netrc")
    if not Path(path).exists():
        return {}
    import netrc

    try:
        entries = netrc.netrc(path).hosts
    except FileNotFoundError:
        return {}
    except netrc.NetrcParseError as error:  # which quotes the word that it stops at: it may be a password
        raise PackageIndexError(f"{path}:{error.lineno}", "cannot be read as a netrc file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise PackageIndexError(path, f"cannot be read as a netrc file ({type(error).__name__})") from error
    return {host: (login or "", password or "") for host, (login, _, password) in entries.items() if host != "default"}
