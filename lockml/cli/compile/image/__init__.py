"""Facts of a base image that decide a lock: its target, its packages and its constraints."""
