"""Scheduler, dispatcher and workers, and one run of one target."""
