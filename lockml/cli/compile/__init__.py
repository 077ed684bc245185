"""The command `compile`, and what it does from options to written files."""
