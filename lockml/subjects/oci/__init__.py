"""Images as files: registries, archives, layouts, layers, manifests."""
