"""What of a base image decides a lock: its target, what it has installed, and what it bounds."""
