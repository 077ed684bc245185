"""What ``[[tool.lockml.lock]]`` says: tables in, the locks that they stand for, each after what it stands on, out."""
