"""Format the pins that have newer releases as Markdown (GitHub's flavour), for an issue or a pull request."""

from collections.abc import Iterator, Sequence

from lockml.common.display import redact
from lockml.lock.status.outdated import Outdated
from lockml.report.markup import md_text

__all__ = ["format_markdown"]


def format_markdown(outdated: Sequence[Outdated]) -> str:
    """Return a table; foreign text in it can neither forge a line nor make a link."""
    return "\n".join(_lines(outdated)) + "\n"


def _lines(outdated: Sequence[Outdated]) -> Iterator[str]:
    if not outdated:
        yield "### No locked package has a newer release"
        return
    yield f"### {len(outdated):,} locked package{'s have' if len(outdated) > 1 else ' has'} a newer release"
    yield ""
    yield "| package | locked | newest | held back by |"
    yield "|---|---|---|---|"
    for each in outdated:
        cells = (each.name, str(each.locked), str(each.newest), "; ".join(each.held_by))
        yield f"| {' | '.join(map(md_text, map(redact, cells)))} |"
