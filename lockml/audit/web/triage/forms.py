"""The forms that change something, and the checks of a request that sends one.

A form has a token that no other site can read, bound to the session; `Sec-Fetch-Site` and `Origin`, if a browser sends
them, must name this site as well (W3C Fetch Metadata). A program with a bearer token needs none of that.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request

from lockml.audit.config.model import Actions
from lockml.audit.web.login import Login
from lockml.audit.web.security import COOKIE

__all__ = ["FIELD", "Forms", "local_page"]

FIELD: Final = "form"
"""The hidden field with the token."""

_MOST: Final = 16_384
_LONGEST: Final = 1000


def local_page(path: str) -> str:
    """Return *path* if it is a page of this site, else the first page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() else "/"


class Forms:
    """The forms for users of *login*, if *actions* permits them."""

    def __init__(self, login: Login | None, actions: Callable[[], Actions]) -> None:
        self._login = login
        self._actions = actions
        self._key = secrets.token_bytes(32)

    @property
    def offered(self) -> bool:
        """Whether pages have forms that change something."""
        actions = self._actions()
        return actions == "anyone" or (actions == "login" and self._login is not None)

    def token(self, request: Request) -> str:
        """Return the hidden token of a form for the session of *request*."""
        session = request.cookies.get(COOKIE, "") if self._login is not None else ""
        return hmac.new(self._key, session.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    async def read(self, request: Request) -> Mapping[str, str]:
        """Return the fields of a form; raises HTTPException (403 for another site's, 400 for no form)."""
        if not self.offered:
            raise HTTPException(403, "Read-only: no token is set, or `actions` forbids changes")
        if request.headers.get("sec-fetch-site", "same-origin") != "same-origin" or not _is_from_here(request):
            raise HTTPException(403, "The form came from another site")
        fields = await _fields(request)
        given = fields.pop(FIELD, "")
        if not self._is_program(request) and not hmac.compare_digest(given.encode(), self.token(request).encode()):
            raise HTTPException(403, "The form has expired: reload the page")
        return fields

    def _is_program(self, request: Request) -> bool:
        """Say whether the request has a bearer token, which no browser adds on its own."""
        return self._login is not None and not self._login.is_open(request.cookies.get(COOKIE, ""))


def _is_from_here(request: Request) -> bool:
    origin = request.headers.get("origin", "null")  # what browsers send for a page without a referrer
    try:
        return origin == "null" or urlsplit(origin).netloc == request.headers.get("host", "")
    except ValueError:
        return False


async def _fields(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST:
            raise HTTPException(413, "The form is too long")
    try:
        parsed = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError as error:
        raise HTTPException(400, "The request is not a form") from error
    fields = {name: values[0] for name, values in parsed.items()}
    if any(len(values) > 1 for values in parsed.values()):
        raise HTTPException(400, "The form has a field twice")
    if any(len(value) > _LONGEST or "\0" in value for value in fields.values()):
        raise HTTPException(400, f"A field has more than {_LONGEST} characters")
    return fields
