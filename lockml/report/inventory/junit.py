"""Format an inventory as JUnit XML: a passed test for each distribution, an error for each unreadable file."""

from xml.sax.saxutils import quoteattr

from lockml.common.display import escape
from lockml.inventory.model import Inventory
from lockml.report.inventory.words import headline

__all__ = ["format_junit"]


def format_junit(inventory: Inventory) -> str:
    """Return the document: one suite."""
    cases = [
        f'    <testcase classname="installed" name={_attribute(f"{each.name} {each.version} {each.folder}")}/>\n'
        for each in inventory.environment.distributions
    ]
    cases += [
        f'    <testcase classname="incomplete" name={_attribute(each.path)}>'
        f'<error type="incomplete" message={_attribute(each.reason)}/></testcase>\n'
        for each in inventory.problems
    ]
    counts = f'tests="{len(cases)}" failures="0" errors="{len(inventory.problems)}" skipped="0"'
    suite = f"  <testsuite name={_attribute(headline(inventory))} {counts}>\n{''.join(cases)}  </testsuite>\n"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="lockml">\n{suite}</testsuites>\n'


def _attribute(text: str) -> str:
    return quoteattr(escape(text))
