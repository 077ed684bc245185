"""What pip installs of the locks of conda-lock and pixi."""
