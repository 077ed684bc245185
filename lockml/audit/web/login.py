"""The login with the token of a service: sessions of browsers that expire, and a limit on wrong tokens.

The process that serves keeps both in memory, so a restart ends every session.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from lockml.audit.runs.host import Clock

__all__ = ["LIFETIME", "Login", "TooManyWrongTokensError"]

LIFETIME: Final = timedelta(hours=12)
"""How long a browser remains logged in."""

_WRONG: Final = 10  # wrong tokens of one address
_WINDOW: Final = timedelta(minutes=5)  # within this time
_MOST: Final = 10_000  # sessions, and addresses with wrong tokens


class TooManyWrongTokensError(Exception):
    """Too many wrong tokens from one address, which may try again in *seconds*.

    Internal: never reaches the user as an error; the answer has status 429.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many wrong tokens; try again in {seconds} seconds")
        self.seconds = seconds


class Login:
    """The sessions of users who have *token*, at the time of *clock*. Not for several threads at once."""

    def __init__(self, token: str, clock: Clock) -> None:
        self._token = token
        self._clock = clock
        self._sessions: dict[bytes, datetime] = {}
        self._wrong: dict[tuple[str, str], tuple[datetime, int]] = {}

    def begin(self, given: str, address: str) -> str | None:
        """Return the key of a new session for *given*, None if it is not the token.

        Raises TooManyWrongTokensError.
        """
        if not self._is_right(given, ("page", _network(address))):
            return None
        now = self._clock()
        self._sessions = {key: end for key, end in self._sessions.items() if end > now}
        if len(self._sessions) >= _MOST:
            del self._sessions[next(iter(self._sessions))]
        key = secrets.token_urlsafe(32)
        self._sessions[_digest(key)] = now + LIFETIME
        return key

    def is_open(self, key: str) -> bool:
        """Say whether *key* belongs to a session that has not ended."""
        end = self._sessions.get(_digest(key))
        return end is not None and self._clock() < end

    def end(self, key: str) -> None:
        """End the session of *key*, if there is one."""
        self._sessions.pop(_digest(key), None)

    def is_bearer(self, given: str, address: str) -> bool:
        """Say whether *given* is the token; raises TooManyWrongTokensError.

        The login page counts separately: a program with an old token locks no person out.
        """
        return self._is_right(given, ("bearer", _network(address)))

    def _is_right(self, given: str, who: tuple[str, str]) -> bool:
        """Compare in constant time; do not compare at all if *who* was wrong too often."""
        now = self._clock()
        since, count = self._wrong.get(who, (now, 0))
        if now - since >= _WINDOW:
            since, count = now, 0
        if count >= _WRONG:
            raise TooManyWrongTokensError(int((since + _WINDOW - now).total_seconds()) + 1)
        if hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self._token.encode()):
            self._wrong.pop(who, None)
            return True
        if who not in self._wrong and len(self._wrong) >= _MOST:
            del self._wrong[next(iter(self._wrong))]
        self._wrong[who] = since, count + 1
        return False


def _digest(key: str) -> bytes:
    """Return the hash to look *key* up by, so that the time of a look-up reveals nothing about other keys."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _network(address: str) -> str:
    """Return what counts as one caller: an IPv4 address, or the /64 of an IPv6 host."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:  # as a dual-stack socket reports it
        return str(found.ipv4_mapped)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
