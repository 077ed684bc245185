"""Hold two subjects together: their packages, their files, and what decides how Python starts."""
