"""What everything is built on: the base image and what it provides, its label, Python and the platform."""
