"""The rules for Dockerfiles, a module for each family."""
