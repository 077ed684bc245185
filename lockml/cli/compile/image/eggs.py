"""Turn the requires.txt of an egg-info into fields of METADATA.

Debian packages and old installs have one: their PKG-INFO does not list dependencies. A section is an extra, a marker
after a colon, or both: ``[socks:python_version < "3"]``.
"""

from collections.abc import Iterator

__all__ = ["with_requirements"]


def with_requirements(content: bytes, requires: bytes) -> bytes:
    """Return the PKG-INFO *content* with the dependencies in *requires*, unless it has its own."""
    head, gap, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    if b"\nrequires-dist:" in b"\n" + head.lower():
        return content
    fields = "".join(f"\n{field}" for field in _fields(requires.decode("utf-8", "replace")))
    return head.rstrip(b"\n") + fields.encode() + (gap or b"\n\n") + body


def _fields(text: str) -> Iterator[str]:
    extra = marker = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = (part.strip() for part in line[1:-1].partition(":"))
            if extra:
                yield f"Provides-Extra: {extra}"
            continue
        conditions = [f"({marker})"] if marker else []
        conditions += [f'extra == "{extra}"'] if extra else []
        end = f" ; {' and '.join(conditions)}" if conditions else ""
        yield f"Requires-Dist: {line}{end}"
