"""Tools as operators accepted them, and as they were last seen; what clients of a kind did when they waited."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "tool_pins",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("accepted_fingerprint", sa.Text, nullable=False),
        sa.Column("accepted_definition", sa.Text, nullable=False),
        sa.Column("accepted_at", TIME, nullable=False),
        sa.Column("accepted_by", sa.Text, nullable=False),
        sa.Column("seen_fingerprint", sa.Text, nullable=False),
        sa.Column("seen_definition", sa.Text, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("server", "tool", name="pk_tool_pins"),
    )
    op.create_table(
        "patience",
        sa.Column("client_name", sa.Text, nullable=False),
        sa.Column("client_version", sa.Text, nullable=False),
        sa.Column("progress", sa.Boolean, nullable=False),
        sa.Column("gave_up_after", sa.Text, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("client_name", "client_version", "progress", name="pk_patience"),
    )
