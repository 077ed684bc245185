"""Checks of a lock before it is written: older pins, overlapping wheels, denied projects, bases."""
