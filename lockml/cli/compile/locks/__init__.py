"""The locks that ``[[tool.lockml.lock]]`` tables describe, in the order to compile them."""
