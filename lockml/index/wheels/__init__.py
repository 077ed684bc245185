"""The bytes of a listed file in: all of them, hashed, or the few that tell what a wheel installs; nothing kept out."""
