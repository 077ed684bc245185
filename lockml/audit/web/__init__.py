"""The pages and the JSON API of an audit: what the store remembers, for a browser and for programs."""
