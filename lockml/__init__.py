"""lockml: lock the Python environment of an ML container, and prove that it still is what was locked.

Programs import `lockml.api` (docs/api.md). Every other module is private and may change at any time.
"""

__all__ = ["__version__"]

__version__ = "0.2.0"
