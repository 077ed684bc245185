"""What several commands share: options, configuration, files, the terminal."""
