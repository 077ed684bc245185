"""The command line: parse options, call the stages, print the result, return an exit code."""
