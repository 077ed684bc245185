"""Format an inventory as text: a line for each distribution."""

from lockml.common.display import escape, redact
from lockml.inventory.model import Inventory
from lockml.report.inventory.words import headline, source_of

__all__ = ["format_text"]


def format_text(inventory: Inventory) -> str:
    """Return the text; foreign text in it is escaped."""
    distributions = inventory.environment.distributions
    width = max((len(f"{each.name} {each.version}") for each in distributions), default=0)
    lines = [headline(inventory)]
    for each in distributions:
        lines.append(f"  {f'{each.name} {each.version}':{width}}  {source_of(each)}, {each.site_folder}")
    lines += [f"could not be read: {problem.path}: {problem.reason}" for problem in inventory.problems]
    if inventory.others:
        lines.append(f"other environments: {', '.join(inventory.others)}")
    return "".join(f"{escape(redact(line))}\n" for line in lines)
