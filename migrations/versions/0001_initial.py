"""The first schema: requests and their ledger, cards, people, agents, counters, calls, switches."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
IS_OPEN = "state IN ('pending', 'approved', 'executing')"
IS_PENDING = "state = 'pending'"
IS_APPROVED = "state = 'approved'"
IS_EXECUTING = "state = 'executing'"
IS_QUEUED = "state = 'queued'"
IS_DEAD = "state = 'dead'"
IS_CHANGE = "kind = 'change'"
IS_IN_FORCE = "ended_at IS NULL"
STATES = (
    "state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'executing', 'succeeded', 'failed', 'unknown')"
)


def upgrade() -> None:
    create_requests()
    create_ledger()
    create_messages()
    create_people()
    create_agents()
    create_limits_and_audit()
    create_switches()
    make_events_append_only()


def where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, for both databases."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("client_name", sa.Text),
        sa.Column("client_version", sa.Text),
        sa.Column("arguments", sa.LargeBinary, nullable=False),
        sa.Column("arguments_sha256", sa.Text, nullable=False),
        sa.Column("meta", sa.LargeBinary, nullable=False),
        sa.Column("meta_sha256", sa.Text, nullable=False),
        sa.Column("tool_fingerprint", sa.Text, nullable=False),
        sa.Column("terms", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("rule_reason", sa.Text),
        sa.Column("policy_version", sa.Text, nullable=False),
        sa.Column("binding", sa.Text, nullable=False),
        sa.Column("call_key", sa.Text, nullable=False),
        sa.Column("risk", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("justification", sa.Text),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("state", sa.Text, sa.CheckConstraint(STATES, name="state"), nullable=False),
        sa.Column("cause", sa.Text),
        sa.Column("revision", sa.Integer, sa.CheckConstraint("revision >= 1", name="revision"), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("decided_at", TIME),
        sa.Column("collect_by", TIME),
        sa.Column("edited_from", sa.LargeBinary),
        sa.Column("claim_holder", sa.Text),
        sa.Column("lease_until", TIME),
        sa.Column("outcome_kind", sa.Text),
        sa.Column("outcome_result", sa.LargeBinary),
        sa.Column("outcome_error", sa.Text),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("told_at", TIME),
        sa.Column("waiting_holder", sa.Text),
        sa.Index("uq_requests_open_call", "call_key", unique=True, **where(IS_OPEN)),
        sa.Index("ix_requests_call_key", "call_key", "created_at"),
        sa.Index("ix_requests_expiring", "state", "expires_at", **where(IS_PENDING)),
        sa.Index("ix_requests_collecting", "state", "collect_by", **where(IS_APPROVED)),
        sa.Index("ix_requests_leased", "state", "lease_until", **where(IS_EXECUTING)),
        sa.Index("ix_requests_open", "agent", "server", "tool", "state", **where(IS_OPEN)),
        sa.Index("ix_requests_created", "created_at", "id"),
        sa.Index("ix_requests_state", "state", "created_at", "id"),
        sa.Index("ix_requests_agent", "agent", "created_at", "id"),
        sa.Index("ix_requests_waiting", "waiting_holder"),
    )


def create_ledger() -> None:
    op.create_table(
        "votes",
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("reviewer", sa.Text, nullable=False),
        sa.Column(
            "answer", sa.Text, sa.CheckConstraint("answer IN ('approve', 'deny')", name="answer"), nullable=False
        ),
        sa.Column("binding", sa.Text, nullable=False),
        sa.Column("via", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("request_id", "ordinal"),
        sa.UniqueConstraint("request_id", "reviewer", "binding", "answer"),
    )
    op.create_table(
        "events",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, sa.CheckConstraint("kind IN ('change', 'note')", name="kind"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Index("ix_events_request", "request_id", "id"),
        sa.Index("uq_events_change", "request_id", "seq", unique=True, **where(IS_CHANGE)),
        sqlite_autoincrement=True,
    )


def create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("ref", sa.Text),
        sa.Column("wanted_revision", sa.Integer, nullable=False),
        sa.Column("shown_revision", sa.Integer),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", TIME, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("leased_until", TIME),
        sa.Column(
            "state",
            sa.Text,
            sa.CheckConstraint("state IN ('queued', 'delivered', 'dead')", name="state"),
            nullable=False,
        ),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("request_id", "channel", "target"),
        sa.Index("ix_messages_queued", "next_at", **where(IS_QUEUED)),
        sa.Index("ix_messages_dead", "request_id", **where(IS_DEAD)),
    )


def create_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("groups", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, unique=True),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
    )
    op.create_table(
        "people_slack",
        sa.Column("slack_id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, sa.ForeignKey("people.id"), nullable=False, index=True),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False, index=True),
        sa.Column("csrf", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False, index=True),
    )
    op.create_table(
        "login_links",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False, index=True),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False, index=True),
        sa.Column("used_at", TIME),
    )


def create_agents() -> None:
    op.create_table(
        "agents",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text),
        sa.Column("servers", sa.Text, nullable=False),
        sa.Column("anonymous", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("paused_at", TIME),
        sa.Column("revoked_at", TIME),
    )
    op.create_table(
        "agent_tokens",
        sa.Column("hash", sa.Text, primary_key=True),
        sa.Column("agent", sa.Text, sa.ForeignKey("agents.name"), nullable=False, index=True),
        sa.Column("prefix", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.Column("last_used_at", TIME),
    )


def create_limits_and_audit() -> None:
    op.create_table(
        "counters",
        sa.Column("counter", sa.Text, nullable=False),
        sa.Column("scope_key", sa.Text, nullable=False),
        sa.Column("window_start", TIME, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("expires_at", TIME, nullable=False, index=True),
        sa.PrimaryKeyConstraint("counter", "scope_key", "window_start"),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", TIME, nullable=False),
        sa.Column("agent", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("server", sa.Text, nullable=False),
        sa.Column("tool", sa.Text, nullable=False),
        sa.Column("arguments_sha256", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("rule", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("trace", sa.Text, nullable=False),
        sa.Column("policy_version", sa.Text),
        sa.Column("request_id", sa.Text, index=True),
        sa.Column("outcome", sa.Text),
        sa.Column("ms", sa.Integer),
        sa.Index("ix_calls_at", "at", "id"),
        sa.Index("ix_calls_agent", "agent", "at", "id"),
        sa.Index("ix_calls_server", "server", "at", "id"),
    )


def create_switches() -> None:
    op.create_table(
        "switches",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("scope", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("until", TIME),
        sa.Column("ended_at", TIME),
        sa.Column("ended_by", sa.Text),
        sa.Index("uq_switches_scope", "scope", unique=True, **where(IS_IN_FORCE)),
    )
    op.create_table(
        "replicas",
        sa.Column("holder", sa.Text, primary_key=True),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("beat_at", TIME, nullable=False),
    )


def make_events_append_only() -> None:
    """Refuse to change or delete what was written, whoever asks."""
    statements = POSTGRESQL_TRIGGERS if op.get_bind().dialect.name == "postgresql" else SQLITE_TRIGGERS
    for statement in statements:
        op.execute(sa.text(statement))


SQLITE_TRIGGERS = (
    """
    CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
    """
    CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events
    BEGIN SELECT RAISE(ABORT, 'events are append-only'); END
    """,
)
POSTGRESQL_TRIGGERS = (
    """
    CREATE FUNCTION events_are_append_only() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'restrict_violation'; END $$
    """,
    """
    CREATE TRIGGER events_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION events_are_append_only()
    """,
)
