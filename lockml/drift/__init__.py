"""How what is installed differs from what was locked: a `Lock` and an `Inventory` in, a `DriftReport` out."""
