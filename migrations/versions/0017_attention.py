"""Attention: who saw a request when, what time there was for a decision, and whether outcomes were as expected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _request() -> sa.Column[str]:
    return sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), nullable=False)


def upgrade() -> None:
    op.add_column("messages", sa.Column("shown_at", TIME))
    op.create_table(
        "sightings",
        _request(),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "person"),
    )
    op.create_table(
        "readings",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        _request(),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("server", "tool", "rule", "person")),
        sa.Column(
            "answer", sa.Text, sa.CheckConstraint("answer IN ('approve', 'deny')", name="answer"), nullable=False
        ),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("known", sa.Text, nullable=False),
        *(sa.Column(name, sa.Integer, nullable=False) for name in ("waited_ms", "took_ms", "needed_ms")),
        sa.Column("too_fast", sa.Boolean, nullable=False),
        sa.Column("final", sa.Boolean, nullable=False),
        sa.Column("batch", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_readings_request_id", "readings", ["request_id"])
    op.create_index("ix_readings_at", "readings", ["at"])
    op.create_index("ix_readings_person", "readings", ["person", "at"])
    op.create_table(
        "expectations",
        _request(),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("as_expected", sa.Boolean, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("request_id", "person"),
    )
    op.create_index("ix_expectations_at", "expectations", ["at"])
