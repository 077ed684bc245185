"""Judge what the loader and C libraries load from outside the import path."""
