"""The command `compile`, from options to written files."""
