"""The audit chain and its signed heads. The chain begins with what happens after this upgrade."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", ROW_ID, primary_key=True, autoincrement=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("binding", sa.Text),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("salt", sa.Text),
        sa.Column("detail_sha256", sa.Text, nullable=False),
        sa.Column("prev", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.Index("ix_audit_request", "request_id", "seq"),
        sa.Index("ix_audit_at", "at", "seq"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("seq", ROW_ID, primary_key=True, autoincrement=False),
        sa.Column("head", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
    )
    statements = POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else SQLITE_TRIGGERS
    for statement in statements:
        op.execute(sa.text(statement))


SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER audit_refuse_update BEFORE UPDATE OF
        seq, at, action, actor, via, request_id, subject, binding, before, after, detail_sha256, prev, hash ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
    """,
    """
    CREATE TRIGGER audit_refuse_rewrite BEFORE UPDATE OF detail, salt ON audit
    WHEN NEW.detail IS NOT NULL OR NEW.salt IS NOT NULL
    BEGIN SELECT RAISE(ABORT, 'a detail of the audit can only be destroyed'); END
    """,
    """
    CREATE TRIGGER audit_refuse_delete BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the audit is append-only' USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE TRIGGER audit_refuse_update BEFORE UPDATE OF
        seq, at, action, actor, via, request_id, subject, binding, before, after, detail_sha256, prev, hash ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
    """
    CREATE TRIGGER audit_refuse_rewrite BEFORE UPDATE OF detail, salt ON audit
    FOR EACH ROW WHEN (NEW.detail IS NOT NULL OR NEW.salt IS NOT NULL)
    EXECUTE FUNCTION audit_is_append_only()
    """,
    """
    CREATE TRIGGER audit_refuse_removal BEFORE DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()
    """,
)
