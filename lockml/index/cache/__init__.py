"""The cache of an index between runs: pages and facts."""
