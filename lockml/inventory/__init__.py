"""Take the inventory of what is really there: `Inventory` from a `FileTree`, without running its code."""
