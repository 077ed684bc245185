"""Package indexes: simple-API pages and core metadata → `Project` and `CoreMetadata`."""
