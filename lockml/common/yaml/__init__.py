"""YAML that somebody else wrote: read within bounds, and what is wrong with it told without quoting it."""
