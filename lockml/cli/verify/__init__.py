"""The command `verify`, which compile runs too: compare a lock with the bytes of its wheels."""
