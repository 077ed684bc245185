"""The command `verify`, which compile runs too: every wheel of a lock held against its bytes."""
