"""Write what differs between two subjects, two locks, or a lock and its index: text, JSON, Markdown."""
