"""A fleet and a schedule in; runs, their history, alerts and pages out."""
