"""Hold files to their owners: who may speak for which file, and what else decides what Python loads."""
