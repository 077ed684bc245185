"""Read what the build can copy: the files of its context, requirement files, .dockerignore."""
