"""Write what is installed: text, JSON, Markdown, HTML, SARIF, JUnit, and what a bill of materials says of it."""
