"""Compiled modules: their headers, their code, and whether it is their source's."""
