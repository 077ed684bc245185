"""Subjects that a person names: images, containers, archives and folders, opened as a file tree."""
