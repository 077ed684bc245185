"""What everything is built on: the base image, its label, Python and the platform."""
