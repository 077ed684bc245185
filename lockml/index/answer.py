"""What an index answers to a request."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Response"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer: *url* is where redirects led, *headers* have lower-case names."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
