"""Credentials of indexes: a user name and a password for an address, from where pip's users keep them.

In this order: the address itself, an address of the same origin used before, the netrc file, the ``keyring`` program.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Final
from urllib.parse import unquote, urlsplit

from lockml.common.errors import PackageIndexError

__all__ = ["Login", "Logins"]

Login = tuple[str, str]
"""A user name and a password."""

_PATIENCE: Final = 30  # seconds that a keyring may take to answer


class Logins:
    """Finds logins and keeps them by origin; safe to use from several threads."""

    def __init__(self) -> None:
        self._given: dict[str, Login] = {}
        self._asked: dict[str, Login | None] = {}
        self._netrc = _netrc_logins()
        self._lock = Lock()

    def find(self, url: str) -> Login | None:
        """Return the login for *url*, without asking the keyring unless the address names a user and no password."""
        parts = urlsplit(url)
        if parts.username:
            user, password = unquote(parts.username), unquote(parts.password or "")
            if parts.password is None:
                found = self.ask_keyring(url)
                user, password = found or (user, password)
            with self._lock:
                self._given[_origin(url)] = (user, password)
        return self._given.get(_origin(url)) or self._netrc.get(parts.hostname or "")

    def ask_keyring(self, url: str) -> Login | None:
        """Return the login that the ``keyring`` program has for the origin of *url*, asked once; None without one."""
        origin = _origin(url)
        with self._lock:
            if origin not in self._asked:
                self._asked[origin] = _from_keyring(url)
                found = self._asked[origin]
                if found is not None:
                    self._given[origin] = found
            return self._asked[origin]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


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
    path = os.environ.get("NETRC") or str(Path(os.environ.get("HOME", "~")).expanduser() / ".netrc")
    if not Path(path).exists():
        return {}
    import netrc

    try:
        entries = netrc.netrc(path).hosts
    except FileNotFoundError:
        return {}
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as error:
        raise PackageIndexError(path, f"cannot be read as a netrc file ({error})") from error
    return {host: (login or "", password or "") for host, (login, _, password) in entries.items() if host != "default"}
