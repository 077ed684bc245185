"""Read locks of Poetry with its pyproject.toml."""
