"""Locks: made from a `Resolution`, written as pylock.toml, and read again."""
