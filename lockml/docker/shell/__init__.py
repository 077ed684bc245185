"""Parse the commands of RUN: words, expansions, control flow, wrappers."""
