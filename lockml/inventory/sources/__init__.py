"""Open folders, containers and images as file trees: the only part of the inventory that touches a machine."""
