"""How findings are shown: text, JSON, SARIF, annotations of GitHub."""
