"""Wheels and source archives: fetching them, their metadata and their identities."""
