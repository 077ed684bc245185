"""Docker files and what the lock knows of them: written here, and read."""
