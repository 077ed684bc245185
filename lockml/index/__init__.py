"""What exists: simple-API pages and core metadata of a package index in, `Project` and `CoreMetadata` out."""
