"""Compile sources again in a restricted process, to compare modules with."""
