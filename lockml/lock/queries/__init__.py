"""Queries on locks: dependencies, and changes from one to another."""
