"""An `index.answer.Transport` that a function answers, in httpx's words for requests and responses."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from lockml.index.http.response import Reply, TransportError

__all__ = ["MadeTransport"]


class MadeTransport:
    """Answers each request by *answer*; what that raises of httpx's transport errors is a missing answer."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response]) -> None:
        self._answer = answer

    def close(self) -> None:
        pass

    @contextmanager
    def open(self, method: str, url: str, headers: Mapping[str, str]) -> Iterator[Reply]:
        try:
            answer = self._answer(httpx.Request(method, url, headers=dict(headers)))
        except httpx.TransportError as error:
            raise TransportError(str(error), passing=True) from error
        names = {name.lower(): value for name, value in answer.headers.items()}
        yield Reply(status=answer.status_code, headers=names, chunks=iter([answer.content]))
