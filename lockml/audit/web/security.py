"""The access check and the security headers of every page and of the API.

Content Security Policy Level 3; bearer tokens follow RFC 6750. A page is served only under a name of this machine, so
that no other site can make a browser read it (DNS rebinding).
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lockml.audit.web.login import Login, TooManyWrongTokensError

__all__ = ["COOKIE", "HEALTH", "Gate", "address_of", "is_loopback"]

COOKIE: Final = "lockml"
HEALTH: Final = "/healthz"
"""Answers everyone; ``request.state.known`` says whether the request may read the pages too."""

_OPEN: Final = (HEALTH, "/login", "/static/")
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a service at *host*."""
    return host in _LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdigit())


def address_of(request: Request) -> str:
    """Return the address that *request* came from, "" for a socket without one."""
    return request.client.host if request.client is not None else ""


def _is_let_in(request: Request, login: Login | None) -> bool:
    """Say whether *request* has a session or the bearer token of *login*; always without a login.

    Raises TooManyWrongTokensError.
    """
    if login is None or login.is_open(request.cookies.get(COOKIE, "")):
        return True
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and login.is_bearer(given.strip(), address_of(request))


class Gate:
    """The middleware that admits users of *login*, everyone without it, under one of *hosts*, any without them."""

    def __init__(self, app: ASGIApp, *, login: Login | None, hosts: Iterable[str]) -> None:
        self._app = app
        self._login = login
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))
        await (refusal or self._app)(scope, receive, _with_headers(send))

    def _refusal(self, request: Request) -> Response | None:
        host = _host_of(request.headers)
        if self._hosts and host not in self._hosts:
            return PlainTextResponse("lockml is not served under this name\n", status_code=421)
        path = request.scope["path"]  # not from request.url, which a Host header can change
        try:
            if path == HEALTH:
                request.state.known = self._is_known(request)
            if path.startswith(_OPEN) or _is_let_in(request, self._login):
                return None
        except TooManyWrongTokensError as error:
            return JSONResponse({"error": str(error)}, status_code=429, headers={"Retry-After": str(error.seconds)})
        if path.startswith(("/api/", "/metrics")):
            headers = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"error": "a token is required"}, status_code=401, headers=headers)
        asked = path + (f"?{request.url.query}" if request.url.query else "") if request.method == "GET" else "/"
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", status_code=303)

    def _is_known(self, request: Request) -> bool:
        try:
            return _is_let_in(request, self._login)
        except TooManyWrongTokensError:
            return False


def _host_of(headers: Headers) -> str:
    """Return the host name of a request without its port."""
    host = headers.get("host", "")
    name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
    return name.lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
