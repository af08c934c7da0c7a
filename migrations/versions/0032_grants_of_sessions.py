"""Grants that are bound to a session of the agent's client, and the sessions that they can be bound to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
IS_IN_FORCE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("requests", sa.Column("session", sa.Text))
    op.add_column("grants", sa.Column("session", sa.Text))
    op.create_index("ix_grants_session", "grants", ["session"], sqlite_where=IS_IN_FORCE, postgresql_where=IS_IN_FORCE)
    op.create_table(
        "agent_sessions",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
    )
    op.create_index(
        "ix_agent_sessions_open", "agent_sessions", ["holder"], sqlite_where=IS_IN_FORCE, postgresql_where=IS_IN_FORCE
    )
    op.create_index("ix_agent_sessions_ended", "agent_sessions", ["ended_at"])
