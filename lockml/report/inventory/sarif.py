"""Format an inventory as a SARIF 2.1.0 log: distributions are artifacts, unreadable files are notifications.

OASIS, Static Analysis Results Interchange Format 2.1.0. There is no lock to compare with, so there are no results.
"""

import json
from typing import Final
from urllib.parse import quote

from lockml import __version__
from lockml.common.display import escape
from lockml.inventory.model import Inventory
from lockml.report.inventory.words import source_of

__all__ = ["format_sarif"]

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"


def format_sarif(inventory: Inventory) -> str:
    """Return the log."""
    run = {
        "tool": {"driver": {"name": "lockml", "version": __version__, "rules": []}},
        "invocations": [
            {
                "executionSuccessful": not inventory.problems,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": escape(f"{each.path}: {each.reason}")}}
                    for each in inventory.problems
                ],
            }
        ],
        "artifacts": [
            {
                "location": {"uri": quote(each.folder, errors="replace")},
                "description": {"text": escape(f"{each.name} {each.version}, {source_of(each)}")},
            }
            for each in inventory.environment.distributions
        ],
        "results": [],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"
