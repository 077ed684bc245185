"""Where file trees come from: folders, containers and images; the only part of the inventory that touches a machine."""
