"""The migrations of the store, one for each version; Alembic runs them when a store is opened."""
