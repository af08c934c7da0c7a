"""Who is away and who decides for them meanwhile, and in whose place a vote was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "absences",
        sa.Column("person", sa.Text, primary_key=True),
        sa.Column("to", sa.Text),
        sa.Column("since", TIME, nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.Column("moved_at", TIME),
    )
    op.create_index("ix_absences_to", "absences", ["to"])
    op.add_column("votes", sa.Column("on_behalf", sa.Text))
