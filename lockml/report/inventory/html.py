"""Format an inventory as one self-contained HTML page: it has no script and loads no other resource."""

from typing import Final

from lockml.inventory.model import Inventory
from lockml.report.inventory.words import headline, source_of
from lockml.report.markup import html_text

__all__ = ["format_html"]

_STYLE: Final = """
:root { color-scheme: light dark }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.2rem } table { border-collapse: collapse; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-top: 1px solid #8884 }
td { overflow-wrap: anywhere }
"""


def format_html(inventory: Inventory) -> str:
    """Return the page."""
    title = html_text(headline(inventory))
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    notes = [f"could not be read: {each.path}: {each.reason}" for each in inventory.problems]
    notes += [f"other environments: {', '.join(inventory.others)}"] if inventory.others else []
    notes_html = f"<ul>{''.join(f'<li>{html_text(note)}</li>' for note in notes)}</ul>\n" if notes else ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in ("Package", "Version", "From", "At"))
    cells = ((each.name, each.version, source_of(each), each.folder) for each in inventory.environment.distributions)
    rows = "".join(f"<tr>{''.join(f'<td>{html_text(cell)}</td>' for cell in row)}</tr>\n" for row in cells)
    head += f"<style>{_STYLE}</style>"
    body = f"<h1>{title}</h1>\n{notes_html}<table><tr>{heads}</tr>\n{rows}</table>\n"
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}</body>\n</html>\n'
