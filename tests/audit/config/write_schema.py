"""Writes docs/fleet.schema.json: python -m tests.audit.config.write_schema."""

import json
from pathlib import Path

from lockml.audit.config.parse import fleet_schema

if __name__ == "__main__":
    file = Path(__file__).parents[3] / "docs" / "fleet.schema.json"
    file.write_text(json.dumps(fleet_schema(), indent=2) + "\n")
