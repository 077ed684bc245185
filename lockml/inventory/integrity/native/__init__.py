"""Judge what the loader and C libraries take from outside the import path."""
