"""Name a setting of lockml in a text for a person: the only place that knows how settings are given."""

__all__ = ["setting"]


def setting(name: str, *values: str) -> str:
    """Return how to give the setting *name*, with *values*: as a command line option.

    Stages name settings in their errors and notes but do not know the command line; a test compares the names with it.
    """
    return " ".join((f"--{name}", *values))
