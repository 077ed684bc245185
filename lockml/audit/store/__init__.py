"""What an audit remembers: SQLite in one file, or PostgreSQL, through SQLAlchemy."""
