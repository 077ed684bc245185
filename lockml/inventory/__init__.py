"""Take the inventory of what is installed: an `Inventory` of a `FileTree`, without running its code."""
