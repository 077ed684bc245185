"""Who may look, and what a browser may do with what it gets: in front of every page and of the API.

Content Security Policy Level 3; bearer tokens are RFC 6750's. A page is served only under a name of this machine, so
that no other site can have a browser read it (DNS rebinding).
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["COOKIE", "Gate", "cookie_of", "is_loopback", "right_token"]

COOKIE: Final = "lockml"
_OPEN: Final = ("/healthz", "/login", "/static/")
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
    """Say whether only this machine can reach what listens on *host*."""
    return host in _LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdigit())


def cookie_of(token: str) -> str:
    """Return what a browser keeps for *token*, from which it cannot be told."""
    return hmac.new(token.encode(), b"lockml page", hashlib.sha256).hexdigest()


def right_token(given: str, token: str) -> bool:
    """Compare in a time that tells nothing."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode())


class Gate:
    """Lets in who has *token*, anybody where it is None, under one of *hosts*, any where there are none."""

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Iterable[str]) -> None:
        self._app = app
        self._token = token
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
        path = request.scope["path"]  # not of request.url, into which a Host header reaches
        if self._token is None or path.startswith(_OPEN) or self._has_token(request, self._token):
            return None
        if path.startswith(("/api/", "/metrics")):
            headers = {"WWW-Authenticate": "Bearer"}
            return JSONResponse({"error": "a token is needed"}, status_code=401, headers=headers)
        asked = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", status_code=303)

    @staticmethod
    def _has_token(request: Request, token: str) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and right_token(given.strip(), token):
            return True
        return right_token(request.cookies.get(COOKIE, ""), cookie_of(token))


def _host_of(headers: Headers) -> str:
    """Return the name that a request is for, without its port."""
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
