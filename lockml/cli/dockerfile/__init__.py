"""The command `dockerfile`: Docker files for a lock."""
