"""Direct references: URLs, folders, repositories and archives, with their metadata, built where allowed."""
