"""The store's tables, a step a version; Alembic runs them when a store is opened."""
