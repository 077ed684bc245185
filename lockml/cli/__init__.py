"""The command line: options into frozen settings, the stages called, the result printed, an exit code."""
