"""Read untrusted YAML within bounds, and report faults without quoting the file."""
