"""Reads what was asked for, in requirement files and pyproject.toml, as one `RequirementSet`."""
