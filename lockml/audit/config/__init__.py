"""The fleet file: its tables, its schedules and the fleet that they describe."""
