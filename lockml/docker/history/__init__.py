"""Trace the content of an image to the instructions of its Dockerfile, through the image's history."""
