"""Read container engines: their API, containers, images, Compose files."""
