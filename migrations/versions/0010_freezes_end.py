"""Every freeze has a time at which it ends. Nothing has written any before, so the table is made anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
IS_IN_FORCE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.drop_table("switches")
    op.create_table(
        "switches",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.Text),
    )
    op.create_index(
        "uq_switches_scope",
        "switches",
        ["scope"],
        unique=True,
        sqlite_where=IS_IN_FORCE,
        postgresql_where=IS_IN_FORCE,
    )
