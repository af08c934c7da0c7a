"""Break-glass: who asked, who confirmed, until when; and on a request what approved it where votes did not."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
IS_IN_FORCE = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column("requests", sa.Column("ground", sa.Text))
    op.execute("UPDATE requests SET ground = 'silence' WHERE cause = 'silence_allows'")
    op.create_table(
        "openings",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("seconds", sa.Integer, nullable=False),
        sa.Column("confirm_until", TIME),
        sa.Column("confirmed_by", sa.Text),
        sa.Column("opened_at", TIME),
        sa.Column("until", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.Text),
    )
    op.create_index(
        "uq_openings_scope",
        "openings",
        ["scope"],
        unique=True,
        sqlite_where=IS_IN_FORCE,
        postgresql_where=IS_IN_FORCE,
    )
