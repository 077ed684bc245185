"""How a comparison is told: a `DriftReport` in, text for a person or a machine out."""
