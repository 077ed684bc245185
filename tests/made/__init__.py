"""What tests make in memory: wheels, file trees, indexes and locks."""
