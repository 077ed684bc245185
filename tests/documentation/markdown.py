"""Find links and headings in Markdown pages, and rewrite pages so that GitHub and Python-Markdown show the same."""

import re
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["anchors", "links", "prose", "with_links", "with_wide_lists"]

_FENCE: Final = re.compile(r"^ *(?P<mark>```|~~~).*?^ *(?P=mark)$", re.MULTILINE | re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]*`")
_LINK: Final = re.compile(r"\]\(([^()\s]+)\)")
_CODE_OR_LINK: Final = re.compile(
    rf"(?P<code>{_FENCE.pattern}|{_CODE.pattern})"
    rf"|\]\((?P<link>[^()\s]+)\)",
    re.MULTILINE | re.DOTALL,
)
_ITEM: Final = re.compile(r"(?P<indent> *)(?P<mark>[-*+]|\d+\.) +(?=\S)")


def prose(text: str) -> str:
    """Return *text* without its code blocks and code words."""
    return _CODE.sub("", _FENCE.sub("", text))


def links(text: str) -> list[str]:
    """Return the targets of the links and images in *text*."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """Return the names that headings have on GitHub: small letters, digits, hyphens for spaces, a number for twins."""
    found: dict[str, int] = {}
    for title in re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.MULTILINE):
        shown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title)
        name = re.sub(r"[^\w\- ]", "", shown.strip().lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
    return {f"{name}-{number}" if number else name for name, count in found.items() for number in range(count + 1)}


def with_links(text: str, rewrite: Callable[[str], str]) -> str:
    """Return *text* with each target of a link as *rewrite* returns it; code stays as it is."""
    return _CODE_OR_LINK.sub(lambda match: match[0] if match["code"] else f"]({rewrite(match['link'])})", text)


def with_wide_lists(text: str) -> str:
    """Return *text* with lists as Python-Markdown reads them: below a blank line, and four spaces a level inside."""
    return "\n".join(_widened(text.split("\n")))


def _widened(lines: list[str]) -> Iterator[str]:
    levels: list[int] = []  # how far the content of each open item is indented
    fence = ""
    ends_paragraph = False  # which is no item: CommonMark begins a list right below it, Python-Markdown does not
    parted = False  # the item that is open has a blank line in it
    for line in lines:
        indent = len(line) - len(line.lstrip(" "))
        if fence or not line.strip():
            ends_paragraph, parted = False, bool(levels)
            yield _shifted(line, levels)
        else:
            while levels and indent < levels[-1]:
                levels.pop()
            item = _ITEM.match(line)
            if item is None:
                yield _shifted(line, levels)
            else:
                if ends_paragraph:
                    yield ""
                yield " " * (4 * len(levels)) + line[indent:]
                levels.append(item.end())
                parted = False
            ends_paragraph = item is None and (not levels or parted)
        mark = line.strip()[:3]
        if mark in ("```", "~~~"):
            fence = "" if fence == mark else fence or mark


def _shifted(line: str, levels: list[int]) -> str:
    if not levels or not line.strip():
        return line
    return " " * (4 * len(levels)) + line[min(levels[-1], len(line) - len(line.lstrip(" "))) :]
