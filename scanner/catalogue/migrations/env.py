"""Alembic's entry: run on the connection that `database.open_database` hands over."""

from alembic import context
from sqlmodel import SQLModel

import scanner.catalogue.tables  # noqa: F401 - declares the tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
