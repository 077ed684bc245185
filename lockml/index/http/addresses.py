"""What a person gives as the address of an index; a module of its own, so that little is loaded to look at it."""

from urllib.parse import urlsplit

__all__ = ["is_index_address"]


def is_index_address(text: str) -> bool:
    """Say whether *text* is an address that an index can be at: of http or https with a host, or of a file."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises ValueError for what is no number
    except ValueError:
        return False
    if any(each.isspace() or not each.isprintable() for each in text):
        return False
    return bool(parts.hostname) if parts.scheme in ("http", "https") else parts.scheme == "file" and len(parts.path) > 1
