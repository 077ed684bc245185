"""``lockml adopt``: its options and its work."""
