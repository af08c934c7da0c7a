"""Tokens for upstream servers, sealed, and the sign-ins that lead to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "upstream_tokens",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("saved_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("holder", sa.Text),
        sa.Column("leased_until", TIME),
        sa.PrimaryKeyConstraint("server", name="pk_upstream_tokens"),
    )
    op.create_table(
        "upstream_logins",
        sa.Column("state_sha256", sa.Text, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME),
        sa.PrimaryKeyConstraint("state_sha256", name="pk_upstream_logins"),
    )
    op.create_index("ix_upstream_logins_expires_at", "upstream_logins", ["expires_at"])
