"""Reminders, quiet hours of people, and cards that wait for their end."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("people", sa.Column("tz", sa.Text))
    op.add_column("people", sa.Column("quiet", sa.Text))
    op.add_column("messages", sa.Column("held_at", TIME))
    op.add_column("alerts", sa.Column("about", sa.Text))
    op.create_table(
        "reminders",
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), primary_key=True),
        sa.Column("sent", sa.Integer, nullable=False),
        sa.Column("next_at", TIME),
    )
    op.create_index("ix_reminders_next_at", "reminders", ["next_at"])
    op.create_table(
        "reminded",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("channel", "target"),
    )
