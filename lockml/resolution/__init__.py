"""What fits together: a `RequirementSet`, a `Target` and an index in; a `Resolution`, or an explanation, out."""
