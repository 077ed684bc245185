"""A conflict reduced to its fewest lines, and the changes that would end it."""
