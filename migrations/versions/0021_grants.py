"""Standing grants, what each use took, and on a request which grant spoke for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
IS_IN_FORCE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("requests", sa.Column("covered", sa.Text()))
    op.add_column("votes", sa.Column("grant", sa.LargeBinary()))
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("request_id", sa.Text(), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("server", sa.Text(), nullable=False),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("proposal", sa.LargeBinary()),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used", sa.Integer(), sa.CheckConstraint("used <= uses", name="used"), nullable=False),
        sa.Column("spent", sa.Text(), nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.Text()),
    )
    op.create_index("ix_grants_request_id", "grants", ["request_id"])
    op.create_index(
        "ix_grants_in_force",
        "grants",
        ["agent", "server", "tool", "until"],
        sqlite_where=IS_IN_FORCE,
        postgresql_where=IS_IN_FORCE,
    )
    op.create_index("ix_grants_at", "grants", ["at", "id"])
    op.create_table(
        "grant_uses",
        sa.Column("request_id", sa.Text(), sa.ForeignKey("requests.id"), primary_key=True),
        sa.Column("grant_id", sa.Text(), sa.ForeignKey("grants.id"), nullable=False),
        sa.Column("at", TIME, nullable=False),
    )
    op.create_index("ix_grant_uses_grant", "grant_uses", ["grant_id", "at", "request_id"])
