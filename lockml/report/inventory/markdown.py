"""Format an inventory as Markdown (GitHub's flavour): a table, folded where it is long."""

import re
from collections.abc import Iterator
from typing import Final

from lockml.common.display import escape
from lockml.inventory.model import Inventory
from lockml.report.inventory.words import headline, source_of

__all__ = ["format_markdown"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~@])")
_OPEN: Final = 20


def format_markdown(inventory: Inventory) -> str:
    """Return the document; foreign text in it can neither forge a line nor make a link."""
    return "\n".join(_lines(inventory)) + "\n"


def _lines(inventory: Inventory) -> Iterator[str]:
    distributions = inventory.environment.distributions
    folded = len(distributions) > _OPEN
    yield f"### {_text(headline(inventory))}"
    yield ""
    for problem in inventory.problems:
        yield f"- **could not be read**: {_text(f'{problem.path}: {problem.reason}')}"
    if inventory.others:
        yield f"- other environments: {_text(', '.join(inventory.others))}"
    if inventory.problems or inventory.others:
        yield ""
    if folded:
        yield f"<details>\n<summary>{len(distributions):,} distributions</summary>\n"
    if distributions:
        yield "| package | version | from | at |"
        yield "|---|---|---|---|"
    for each in distributions:
        yield f"| {' | '.join(map(_text, (each.name, each.version, source_of(each), each.site_folder)))} |"
    if folded:
        yield "\n</details>"


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", escape(text))
