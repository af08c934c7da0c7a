"""Policies that are edited on the page, append-only, and which policies each process has in force."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "policy_versions",
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("restores", sa.Integer),
        sa.CheckConstraint("number >= 1", name="number"),
        sa.PrimaryKeyConstraint("server", "number", name="pk_policy_versions"),
    )
    op.add_column("replicas", sa.Column("in_force", sa.Text))
    statements = POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else SQLITE_TRIGGERS
    for statement in statements:
        op.execute(sa.text(statement))


SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER policy_versions_refuse_update BEFORE UPDATE ON policy_versions
    BEGIN SELECT RAISE(ABORT, 'policy_versions are append-only'); END
    """,
    """
    CREATE TRIGGER policy_versions_refuse_delete BEFORE DELETE ON policy_versions
    BEGIN SELECT RAISE(ABORT, 'policy_versions are append-only'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION policy_versions_are_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'policy_versions are append-only' USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE TRIGGER policy_versions_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_versions
    FOR EACH STATEMENT EXECUTE FUNCTION policy_versions_are_append_only()
    """,
)
