"""Split the bytes of a text file into lines as Python does."""

import re
from typing import Final

from lockml.inventory.file_tree import UnreadableError

__all__ = ["plain_lines", "text_lines"]

# where str.splitlines ends a line and a file that is read line by line does not
_ODD: Final = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def text_lines(content: bytes) -> list[str]:
    """Return the lines that end with a line feed, a carriage return or both, as files are read line by line."""
    text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def plain_lines(content: bytes, path: str) -> list[str]:
    """Return the same of the file at *path*; raises UnreadableError where another reader would see other lines."""
    lines = text_lines(content)
    if any(_ODD.search(line) for line in lines) or re.search(rb"\r(?!\n)", content) is not None:
        raise UnreadableError(path, "it has a control character that some readers take for the end of a line")
    return lines
