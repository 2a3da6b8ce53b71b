"""Runs migrations on the connection that app/migrations.py hands over."""

from alembic import context

from app.tables import Table

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Table.metadata,
    # SQLite cannot alter most things in place; batch mode copies the table and keeps the rows.
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
