"""What was asked for: requirement files and pyproject.toml in, one `RequirementSet` out."""
