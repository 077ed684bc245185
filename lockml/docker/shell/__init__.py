"""The commands of RUN: words, expansions, control flow, wrappers."""
