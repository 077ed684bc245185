"""How a text for a person names a setting of lockml: the one place that knows how settings are given."""

__all__ = ["setting"]


def setting(name: str, *values: str) -> str:
    """Return how to give the setting *name*, with *values*: an option of the command line.

    Stages name settings in their errors and notes, and know of no command line; a test holds the names against it.
    """
    return " ".join((f"--{name}", *values))
