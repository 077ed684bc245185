"""Read images as files: registries, archives, layouts, layers, manifests."""
