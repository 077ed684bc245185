"""Format an inventory as Markdown (GitHub's flavour): a table, collapsed if it is long."""

from collections.abc import Iterator
from typing import Final

from lockml.inventory.model import Inventory
from lockml.report.inventory.words import headline, source_of
from lockml.report.markup import md_text

__all__ = ["format_markdown"]

_OPEN: Final = 20


def format_markdown(inventory: Inventory) -> str:
    """Return the document; foreign text in it can neither forge a line nor make a link."""
    return "\n".join(_lines(inventory)) + "\n"


def _lines(inventory: Inventory) -> Iterator[str]:
    distributions = inventory.environment.distributions
    folded = len(distributions) > _OPEN
    yield f"### {md_text(headline(inventory))}"
    yield ""
    for problem in inventory.problems:
        yield f"- **could not be read**: {md_text(f'{problem.path}: {problem.reason}')}"
    if inventory.others:
        yield f"- other environments: {md_text(', '.join(inventory.others))}"
    if inventory.problems or inventory.others:
        yield ""
    if folded:
        yield f"<details>\n<summary>{len(distributions):,} distributions</summary>\n"
    if distributions:
        yield "| package | version | from | at |"
        yield "|---|---|---|---|"
    for each in distributions:
        yield f"| {' | '.join(map(md_text, (each.name, each.version, source_of(each), each.site_folder)))} |"
    if folded:
        yield "\n</details>"
