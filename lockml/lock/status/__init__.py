"""The status of a lock today, compared with its inputs and with the index."""
