"""Where Alembic starts: it runs the steps on the connection, and inside the transaction, that it is handed."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
