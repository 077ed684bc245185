"""Escape foreign text as text or code of Markdown or HTML, so that it makes no markup and no link."""

import html
import re
from typing import Final

from lockml.common.display import escape

__all__ = ["html_text", "md_code", "md_text"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&])")
_LINKED: Final = re.compile(r"(?<!\w\\@)(?<=[@#])(?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)


def html_text(text: str) -> str:
    """Return *text* for an element or an attribute of HTML."""
    return html.escape(escape(text))


def md_text(text: str) -> str:
    """Return *text* as text; a zero-width space keeps GitHub from linking it, which a backslash does not."""
    return _LINKED.sub("&#8203;", _SPECIAL.sub(r"\\\1", escape(text)))


def md_code(text: str) -> str:
    """Return *text* as a code span, whatever backticks it has (CommonMark 6.1)."""
    shown = escape(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    space = " " if "`" in shown or shown.strip() != shown or not shown else ""
    return f"{fence}{space}{shown}{space}{fence}"
