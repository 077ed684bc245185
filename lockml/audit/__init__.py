"""The audit of a fleet: scheduled runs, their history, notifications and pages."""
