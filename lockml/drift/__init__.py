"""Compare what is installed with what was locked: a `Lock` and an `Inventory` make a `DriftReport`."""
