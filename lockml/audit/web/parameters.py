"""The checked parameters of a request."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request

__all__ = ["number_of", "text_of"]

_LARGEST: Final = (1 << 63) - 1
_LONGEST: Final = 500


def text_of(request: Request, name: str, default: str = "") -> str:
    """Return the parameter *name*; raises HTTPException (400) for a text that no store can search for."""
    text = request.query_params.get(name, default)
    if len(text) > _LONGEST or "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise HTTPException(400, f"{name} is not a text of at most {_LONGEST} characters")
    return text


def number_of(request: Request, name: str, *, path: bool = False, least: int = 0, most: int = _LARGEST) -> int | None:
    """Return the number *name* of the query, or of the *path*, None if it is not given.

    Raises HTTPException: 404 for a path that is not a number, else 400.
    """
    text = request.path_params.get(name) if path else request.query_params.get(name)
    if text is None or (text == "" and not path):
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        if path:
            raise HTTPException(404, "No such run")
        raise HTTPException(400, f"{name} is not a whole number from {least} to {most}")
    return int(text)
