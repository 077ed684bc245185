"""Convert the error of a YAML reader into one with place and reason, without lines of a file that may be secret."""

from lockml.common.errors import InputError

__all__ = ["not_yaml"]


def not_yaml(name: str, error: Exception) -> InputError:
    """Return the error of the file *name*, with its line if the reader reported it."""
    mark = getattr(error, "problem_mark", None)
    problem = " ".join(str(getattr(error, "problem", None) or type(error).__name__).split())
    return InputError(f"{name}:{mark.line + 1}" if mark is not None else name, f"is not YAML ({problem})")
