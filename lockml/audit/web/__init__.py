"""The pages and the JSON API of an audit."""
