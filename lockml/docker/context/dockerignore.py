"""Decide whether a .dockerignore excludes a path from the context (moby/patternmatcher)."""

import posixpath
import re
from fnmatch import translate
from functools import lru_cache

from msgspec import Struct

__all__ = ["Ignores", "parse_dockerignore"]

_MOST = 2000  # patterns


class _Pattern(Struct, frozen=True):
    text: str
    segments: tuple[re.Pattern[str] | None, ...]
    excepts: bool
    start: int
    stop: int


class Ignores(Struct, frozen=True, kw_only=True):
    """The patterns of a file in order; the last match decides."""

    patterns: tuple[_Pattern, ...]

    def ignored(self, path: str) -> tuple[int, int] | None:
        """Return the position of the pattern that excludes *path*, None if it is included."""
        found: tuple[int, int] | None = None
        folders = tuple(path.split("/"))[:100]
        parents = [folders[:length] for length in range(1, len(folders) + 1)]
        for pattern in self.patterns:
            if any(_fits(pattern.segments, each) for each in parents):
                found = None if pattern.excepts else (pattern.start, pattern.stop)
        return found


def parse_dockerignore(text: str) -> Ignores:
    """Return the patterns of *text*; an invalid one matches nothing."""
    patterns: list[_Pattern] = []
    offset = 0
    for line in text.split("\n"):
        start, offset = offset, offset + len(line) + 1
        content = line.removeprefix("\ufeff").strip()
        if not content or line.removeprefix("\ufeff").startswith("#") or len(patterns) >= _MOST:
            continue
        excepts = content.startswith("!")
        path = posixpath.normpath(content.removeprefix("!").strip() or ".").lstrip("/")
        segments = _segments(path)
        if segments is not None and path not in (".", ""):
            patterns.append(_Pattern(content, segments, excepts, start, start + len(line.rstrip("\r"))))
    return Ignores(patterns=tuple(patterns))


@lru_cache(maxsize=1024)
def _segments(pattern: str) -> tuple[re.Pattern[str] | None, ...] | None:
    """Return the folders of *pattern*, with None for ``**``; None if it is not a pattern."""
    if len(pattern) > 500:
        return None
    found: list[re.Pattern[str] | None] = []
    for segment in re.sub(r"\\(.)", r"[\1]", pattern).split("/"):
        if segment.startswith("**"):
            found.append(None)
            if segment == "**":
                continue
        try:
            found.append(re.compile(translate(segment.replace("[^", "[!"))))
        except re.error:
            return None
    return tuple(found)


def _fits(segments: tuple[re.Pattern[str] | None, ...], path: tuple[str, ...]) -> bool:
    """Return whether *path* matches *segments*, folder by folder; ``**`` matches any number of folders."""
    reached = {0}
    for segment in segments:
        if segment is None:
            reached = set(range(min(reached), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and segment.match(path[at])}
        if not reached:
            return False
    return len(path) in reached
