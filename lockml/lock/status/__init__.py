"""How a lock stands today: against its inputs, and against the index."""
