"""File formats of locks."""
