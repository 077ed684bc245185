"""What is really there: a `FileTree` in, an `Inventory` out; no code of the subject runs."""
