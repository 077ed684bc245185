"""Formats of drift reports: text for a person or a machine."""
