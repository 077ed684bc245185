"""Finds the releases that meet a `RequirementSet` on a `Target`, or explains why none do."""
