"""Compiling sources anew in a process with few rights, to compare modules with."""
