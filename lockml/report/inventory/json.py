"""Format an inventory as a JSON document.

The schema number changes only when a reader of the old one would be misled; new keys may appear at any time.
"""

import json

from lockml.common.display import redact
from lockml.inventory.model import Inventory

__all__ = ["SCHEMA", "format_json"]

SCHEMA = "lockml/inventory/1"


def format_json(inventory: Inventory) -> str:
    """Return the document, indented by two spaces, and ASCII so that foreign text cannot forge a line of a terminal."""
    environment = inventory.environment
    subject = inventory.subject
    document = {
        "schema": SCHEMA,
        "subject": {"kind": subject.kind, "name": subject.name, "details": dict(subject.details)},
        "complete": not inventory.problems,
        "environment": {
            "prefix": environment.prefix,
            "python": environment.python_text,
            "machine": environment.machine,
            "libc": str(environment.libc) if environment.libc is not None else None,
            "import-path": list(environment.site_folders),
        },
        "distributions": [
            {
                "name": each.name,
                "version": each.version,
                "path": each.folder,
                "installer": each.installer,
                "owner": each.owner,
                "url": redact(each.source.url) if each.source is not None else None,
                "editable": each.editable,
            }
            for each in environment.distributions
        ],
        "others": list(inventory.others),
        "problems": [{"path": problem.path, "reason": problem.reason} for problem in inventory.problems],
    }
    return json.dumps(document, indent=2) + "\n"
