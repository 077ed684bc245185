"""What JSON and HTML pages share: the status of a project (PEP 792), and errors."""

import msgspec

__all__ = ["PageError", "PageStatus"]


class PageError(Exception):
    """A page that is no project page of an index; the text says why.

    Internal: never reaches the user; who fetched the page makes a PackageIndexError of it.
    """


class PageStatus(msgspec.Struct):
    """The status of a project, with a reason where one is given."""

    status: str = "active"
    reason: str | None = None
