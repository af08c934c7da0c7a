"""What reviewers ask an agent while its call waits, and what it answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
IS_UNANSWERED = sa.text("answered_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "questions",
        sa.Column("request_id", sa.Text(), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("text", sa.LargeBinary()),
        sa.Column("told_at", TIME),
        sa.Column("answer", sa.LargeBinary()),
        sa.Column("answered_at", TIME),
        sa.PrimaryKeyConstraint("request_id", "ordinal"),
    )
    op.create_index(
        "ix_questions_open",
        "questions",
        ["request_id"],
        sqlite_where=IS_UNANSWERED,
        postgresql_where=IS_UNANSWERED,
    )
