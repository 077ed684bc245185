"""Open subjects that a person names, images, containers, archives and folders, as file trees."""
