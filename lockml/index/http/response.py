"""Responses of an index, and the port `Transport` that gets them."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from lockml.common.errors import PackageIndexError

__all__ = ["FailedStatusError", "LongAnswerError", "Reply", "Response", "Transport", "TransportError"]


class Response(Struct, frozen=True, kw_only=True):
    """An answer: *url* is where redirects led, *headers* have lower-case names."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class Reply(Struct, frozen=True, kw_only=True):
    """An answer whose body is still to be read: *chunks* yields it once, decompressed; *headers* are lower-case."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class LongAnswerError(PackageIndexError):
    """The answer is longer than anything that it could be."""


class FailedStatusError(PackageIndexError):
    """The server answered every attempt with *status*, which says that it failed."""

    def __init__(self, subject: str, problem: str, *, hint: str | None = None, status: int) -> None:
        super().__init__(subject, problem, hint=hint)
        self.status = status


class TransportError(Exception):
    """There is no answer; the text says why. With *passing*, another attempt may get one.

    Internal: never reaches the user; the client retries, and then makes a PackageIndexError of it.
    """

    def __init__(self, reason: str, *, passing: bool) -> None:
        super().__init__(reason)
        self.passing = passing


class Transport(Protocol):
    """Sends requests, of several threads at once."""

    def open(self, method: str, url: str, headers: Mapping[str, str]) -> AbstractContextManager[Reply]:
        """Give the answer of *url*, redirects not followed; raises TransportError, also while it is read."""

    def close(self) -> None:
        """Give the connections back."""
