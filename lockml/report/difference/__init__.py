"""Write what differs between two subjects, or two locks: text, JSON, Markdown."""
