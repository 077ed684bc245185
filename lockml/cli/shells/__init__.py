"""What goes beside the program on a machine: completion of shells, and manual pages."""
