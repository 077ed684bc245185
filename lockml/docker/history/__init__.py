"""The history of an image and the Dockerfile that it was built from in; which instruction brought what out."""
