"""lockml: lock the Python environment of an ML container, and prove that it still is what was locked."""

__all__ = ["__version__"]

__version__ = "0.1.0"
