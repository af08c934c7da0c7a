"""Run the migrations on the connection that `approvals.storage.migrate` hands in, inside its transaction."""

from __future__ import annotations

from alembic import context

from approvals.storage.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
