"""The files that a lock is written to and read from."""
