"""The fleet file: its tables, schedules and the fleet that they make."""
