"""``lockml adopt``: its options, and what it does with them."""
