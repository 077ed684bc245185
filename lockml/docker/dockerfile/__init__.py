"""Dockerfiles as BuildKit reads them: directives, instructions, here-documents, variables, stages."""
