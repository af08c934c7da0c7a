"""What a policy is tried on again: arguments of calls, sealed, and what else a call was judged by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name, kind in (
        ("risk", sa.Text()),
        ("severity", sa.Text()),
        ("counted_at", TIME),
        ("ran_at", TIME),
        ("limits", sa.Text()),
        ("shadow", sa.Text()),
    ):
        op.add_column("calls", sa.Column(name, kind))
    op.create_table(
        "recordings",
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_recordings"),
    )
    op.create_index("ix_recordings_at", "recordings", ["at"])
