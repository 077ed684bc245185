"""Check compiled modules: their headers, their code, and whether it comes from their sources."""
