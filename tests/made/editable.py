"""What setuptools writes for an editable project."""

from pathlib import Path

__all__ = ["FINDER"]

FINDER = (Path(__file__).parents[2] / "fixtures" / "editable" / "setuptools_finder.txt").read_bytes()
