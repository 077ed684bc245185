"""Format findings: text, JSON, SARIF, annotations of GitHub."""
