"""Shell completion and manual pages."""
