"""The tables: one truth, which `migrations/` must reach on both databases (a test compares).

Enumerated words are kept as text with a CHECK, times as `Utc`, JSON as canonical text. What agents and people wrote is
`Sealed`: one word in a table here, sealed by `Cells.row` where it is written, and `Cells.open` where it is read.
The predicates of the partial indexes are constants here, because a query only finds such an index when it
repeats the predicate word for word. The three for deadlines begin with `state` although it is constant in them:
otherwise SQLite prefers the index on all states, and reads every pending row. `events` and `policy_versions` are
append-only: their migrations add triggers that say so.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from approvals.storage.metadata import METADATA, ROW_ID
from approvals.storage.types import FreeText, Json, Sealed, Utc

IS_OPEN = text("state IN ('pending', 'approved', 'executing')")
IS_PENDING = text("state = 'pending'")
IS_APPROVED = text("state = 'approved'")
IS_EXECUTING = text("state = 'executing'")
IS_RETOLD = text("told_at IS NULL OR state = 'denied'")
"""The same call made again may be told of it: nobody was told yet, or a person said no."""
IS_REAL = text("decoy IS NULL")
"""It is no test of attention."""
SEEMS_REAL = text("(decoy IS NULL OR state = 'pending')")
"""What numbers count that people see: a decoy that waits is left in, or its being left out would tell it apart."""
IS_KEPT = text("destroyed_at IS NULL AND state NOT IN ('pending', 'approved', 'executing')")
"""It has ended, and what was written in it can still be read."""
IS_PLAIN = text("plain = 1")
"""A row of an older Placet, until it is sealed."""
IS_CHANGE = text("kind = 'change'")
STATES = (
    "state IN ('pending', 'approved', 'denied', 'expired', 'cancelled', 'executing', 'succeeded', 'failed', 'unknown')"
)

requests = Table(
    "requests",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("server", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("owner", Text),
    Column("client_name", FreeText),
    Column("client_version", FreeText),
    Column("session", Text),
    Column("arguments", Sealed("bytes"), nullable=False),
    Column("arguments_sha256", Text, nullable=False),
    Column("meta", Sealed("bytes"), nullable=False),
    Column("meta_sha256", Text, nullable=False),
    Column("tool_fingerprint", Text, nullable=False),
    Column("terms", Json, nullable=False),
    Column("rule", Text, nullable=False),
    Column("rule_reason", FreeText),
    Column("policy_version", Text, nullable=False),
    Column("binding", Text, nullable=False),
    Column("call_key", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("justification", Sealed("text")),
    Column("trace", Sealed("json")),
    Column("over", Sealed("json")),
    Column("state", Text, CheckConstraint(STATES, name="state"), nullable=False),
    Column("cause", Text),
    Column("revision", Integer, CheckConstraint("revision >= 1", name="revision"), nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("changed_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False),
    Column("next_at", Utc),
    Column("decided_at", Utc),
    Column("collect_by", Utc),
    Column("ground", Text),
    Column("covered", Json),
    Column("edited_from", Sealed("bytes")),
    Column("claim_holder", Text),
    Column("lease_until", Utc),
    Column("outcome_kind", Text),
    Column("outcome_result", Sealed("bytes")),
    Column("outcome_error", Sealed("text")),
    Column("started_at", Utc),
    Column("finished_at", Utc),
    Column("told_at", Utc),
    Column("shown_at", Utc),
    Column("destroyed_at", Utc),
    Column("destroyed_by", Text),
    Column("waiting_holder", Text),
    Column("fold", Text),
    Column("decoy", Text),
    Column("handed_by", Json),
    Index("uq_requests_open_call", "call_key", unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    Index("ix_requests_call_key", "call_key", "created_at"),
    Index("ix_requests_next", "state", "next_at", sqlite_where=IS_PENDING, postgresql_where=IS_PENDING),
    Index("ix_requests_collecting", "state", "collect_by", sqlite_where=IS_APPROVED, postgresql_where=IS_APPROVED),
    Index("ix_requests_leased", "state", "lease_until", sqlite_where=IS_EXECUTING, postgresql_where=IS_EXECUTING),
    Index("ix_requests_open", "agent", "server", "tool", "state", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    Index("ix_requests_created", "created_at", "id"),
    Index("ix_requests_state", "state", "created_at", "id"),
    Index("ix_requests_agent", "agent", "created_at", "id"),
    Index("ix_requests_waiting", "waiting_holder"),
    Index("ix_requests_kept", "changed_at", sqlite_where=IS_KEPT, postgresql_where=IS_KEPT),
    Index("ix_requests_fold", "fold", "created_at", sqlite_where=IS_PENDING, postgresql_where=IS_PENDING),
    Index("ix_requests_retold", "changed_at", "server", "tool", sqlite_where=IS_RETOLD, postgresql_where=IS_RETOLD),
)

votes = Table(
    "votes",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("reviewer", Text, nullable=False),
    Column("answer", Text, CheckConstraint("answer IN ('approve', 'deny')", name="answer"), nullable=False),
    Column("binding", Text, nullable=False),
    Column("via", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("reason", Sealed("text")),
    Column("raise_seconds", Integer),
    Column("sign_in", Json),
    Column("grant", Sealed("json")),
    Column("on_behalf", Json),
    PrimaryKeyConstraint("request_id", "ordinal"),
    UniqueConstraint("request_id", "reviewer", "binding", "answer"),
)

events = Table(
    "events",
    METADATA,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('change', 'note')", name="kind"), nullable=False),
    Column("event", Text, nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("detail", Json, nullable=False),
    Column("words", Sealed("json")),
    Index("ix_events_request", "request_id", "id"),
    Index("uq_events_change", "request_id", "seq", unique=True, sqlite_where=IS_CHANGE, postgresql_where=IS_CHANGE),
    sqlite_autoincrement=True,
)

people = Table(
    "people",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", FreeText, nullable=False),
    Column("roles", Json, nullable=False),
    Column("groups", Json, nullable=False),
    Column("tz", Text),
    Column("quiet", Text),
    Column("token_hash", Text, unique=True),
    Column("disabled", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("updated_at", Utc, nullable=False),
)

people_slack = Table(
    "people_slack",
    METADATA,
    Column("slack_id", Text, primary_key=True),
    Column("person", Text, ForeignKey("people.id"), nullable=False, index=True),
)

sessions = Table(
    "sessions",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("person", Text, nullable=False, index=True),
    Column("csrf", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
    Column("sign_in", Json),
)

login_links = Table(
    "login_links",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("person", Text, nullable=False, index=True),
    Column("by", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
    Column("used_at", Utc),
)

agents = Table(
    "agents",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("owner", Text),
    Column("servers", Json, nullable=False),
    Column("anonymous", Boolean, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("paused_at", Utc),
    Column("revoked_at", Utc),
)

agent_tokens = Table(
    "agent_tokens",
    METADATA,
    Column("hash", Text, primary_key=True),
    Column("agent", Text, ForeignKey("agents.name"), nullable=False, index=True),
    Column("prefix", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("revoked_at", Utc),
    Column("last_used_at", Utc),
)

counters = Table(
    "counters",
    METADATA,
    Column("counter", Text, nullable=False),
    Column("scope_key", Text, nullable=False),
    Column("window_start", Utc, nullable=False),
    Column("value", Text, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
    PrimaryKeyConstraint("counter", "scope_key", "window_start"),
)

raises = Table(
    "raises",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False, index=True),
    Column("counter", Text, nullable=False),
    Column("scope_key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("most", Text, nullable=False),
    Column("to", Text, nullable=False),
    Column("words", FreeText, nullable=False),
    Column("by", Json, nullable=False),
    Column("at", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Text),
    Index("ix_raises_budget", "counter", "scope_key", "until"),
    Index("ix_raises_at", "at", "id"),
)

calls = Table(
    "calls",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("agent", Text, nullable=False),
    Column("owner", Text),
    Column("server", Text, nullable=False),
    Column("tool", FreeText, nullable=False),
    Column("arguments_sha256", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("rule", Text),
    Column("reason", Sealed("text")),
    Column("trace", Sealed("json")),
    Column("policy_version", Text),
    Column("request_id", Text, index=True),
    Column("outcome", Text),
    Column("ms", Integer),
    Column("risk", Text),
    Column("severity", Text),
    Column("session", Text),
    Column("counted_at", Utc),
    Column("ran_at", Utc),
    Column("limits", Sealed("json")),
    Column("shadow", Sealed("json")),
    Column("plain", Integer),
    Index("ix_calls_plain", "id", sqlite_where=IS_PLAIN, postgresql_where=IS_PLAIN),
    Index("ix_calls_at", "at", "id"),
    Index("ix_calls_agent", "agent", "at", "id"),
    Index("ix_calls_server", "server", "at", "id"),
)

recordings = Table(
    "recordings",
    METADATA,
    Column("call_id", Text, primary_key=True),
    Column("at", Utc, nullable=False, index=True),
    Column("sealed", LargeBinary, nullable=False),
)

replicas = Table(
    "replicas",
    METADATA,
    Column("holder", Text, primary_key=True),
    Column("started_at", Utc, nullable=False),
    Column("beat_at", Utc, nullable=False),
    Column("in_force", Json),
)

upstream_tokens = Table(
    "upstream_tokens",
    METADATA,
    Column("server", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("by", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("saved_at", Utc, nullable=False),
    Column("expires_at", Utc),
    Column("holder", Text),
    Column("leased_until", Utc),
)

upstream_logins = Table(
    "upstream_logins",
    METADATA,
    Column("state_sha256", Text, primary_key=True),
    Column("server", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("by", Text, nullable=False),
    Column("created_at", Utc, nullable=False),
    Column("expires_at", Utc, nullable=False, index=True),
    Column("used_at", Utc),
)

tool_pins = Table(
    "tool_pins",
    METADATA,
    Column("server", Text, nullable=False),
    Column("tool", FreeText, nullable=False),
    Column("accepted_fingerprint", Text, nullable=False),
    Column("accepted_definition", Json, nullable=False),
    Column("accepted_at", Utc, nullable=False),
    Column("accepted_by", Text, nullable=False),
    Column("seen_fingerprint", Text, nullable=False),
    Column("seen_definition", Json, nullable=False),
    Column("seen_at", Utc, nullable=False),
    PrimaryKeyConstraint("server", "tool"),
)

patience = Table(
    "patience",
    METADATA,
    Column("client_name", FreeText, nullable=False),
    Column("client_version", FreeText, nullable=False),
    Column("progress", Boolean, nullable=False),
    Column("gave_up_after", Json, nullable=False),
    Column("seen_at", Utc, nullable=False),
    PrimaryKeyConstraint("client_name", "client_version", "progress"),
)

policy_versions = Table(
    "policy_versions",
    METADATA,
    Column("server", Text, nullable=False),
    Column("number", Integer, CheckConstraint("number >= 1", name="number"), nullable=False),
    Column("text", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("note", FreeText),
    Column("restores", Integer),
    PrimaryKeyConstraint("server", "number"),
)
