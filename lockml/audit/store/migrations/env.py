"""What Alembic runs: the connection that the store gives it, and no other."""

from alembic import context

from lockml.audit.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
