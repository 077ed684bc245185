"""What was chosen: a `Resolution` in, a pylock.toml out, and back."""
