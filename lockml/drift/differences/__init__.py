"""Compare two subjects: their packages, their files, and what decides how Python starts."""
