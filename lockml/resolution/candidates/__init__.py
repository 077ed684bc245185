"""Releases that suit a target, and the reasons against the others."""
