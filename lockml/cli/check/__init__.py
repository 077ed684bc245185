"""The command `check`: its policy and its output formats."""
