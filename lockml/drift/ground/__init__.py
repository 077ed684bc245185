"""Compare the ground: the base image, its label, Python and the platform."""
