"""How the locks of Poetry are read, with its pyproject.toml."""
