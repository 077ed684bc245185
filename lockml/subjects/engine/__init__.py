"""Container engines: their API, containers, images, Compose files."""
