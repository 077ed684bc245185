"""The store of an audit: SQLite in one file, or PostgreSQL, through SQLAlchemy."""
