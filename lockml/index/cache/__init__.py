"""What is kept of an index between runs."""
