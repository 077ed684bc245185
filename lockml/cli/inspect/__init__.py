"""Commands that read a lock or an inventory and print it."""
