"""What makes and holds the documentation: its generated pages, and the site that zensical builds of it."""
