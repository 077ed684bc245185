"""Compare files with their owners, and find what else decides what Python loads."""
