"""Tests of attention: which are to come, which requests are one, and what reviewers did with them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("requests", sa.Column("decoy", sa.Text))
    op.create_table(
        "decoy_plans",
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), primary_key=True),
        sa.Column("due_at", TIME, nullable=False),
    )
    op.create_index("ix_decoy_plans_due_at", "decoy_plans", ["due_at"])
    op.create_table(
        "decoy_answers",
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("seen", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "person"),
    )
    op.create_index("ix_decoy_answers_at", "decoy_answers", ["at"])
