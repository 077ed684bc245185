"""Find which Python a subject starts, and what it imports from."""
