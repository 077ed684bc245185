"""Read file trees: folders, overlays, mounts and the links in them."""
