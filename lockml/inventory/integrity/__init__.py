"""Holding files to their owners: who may speak for which file, and what decides besides files what Python loads."""
