"""The tables of standing grants, of what each use took, and of the sessions of agents that grants can be bound to.

What a grant is about stands in the request it came of. A session is kept by its key, which is a hash of its id, from
the first call in it that people were asked about.
"""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from approvals.storage.metadata import METADATA
from approvals.storage.types import Json, Sealed, Utc

IS_IN_FORCE = text("ended_at IS NULL")

grants = Table(
    "grants",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False, index=True),
    Column("agent", Text, nullable=False),
    Column("server", Text, nullable=False),
    Column("tool", Text, nullable=False),
    Column("proposal", Sealed("json")),
    Column("given_by", Json, nullable=False),
    Column("at", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, CheckConstraint("used <= uses", name="used"), nullable=False),
    Column("spent", Text, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Text),
    Column("session", Text),
    Index(
        "ix_grants_in_force",
        "agent",
        "server",
        "tool",
        "until",
        sqlite_where=IS_IN_FORCE,
        postgresql_where=IS_IN_FORCE,
    ),
    Index("ix_grants_at", "at", "id"),
    Index("ix_grants_session", "session", sqlite_where=IS_IN_FORCE, postgresql_where=IS_IN_FORCE),
)

grant_uses = Table(
    "grant_uses",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), primary_key=True),
    Column("grant_id", Text, ForeignKey("grants.id"), nullable=False),
    Column("at", Utc, nullable=False),
    Index("ix_grant_uses_grant", "grant_id", "at", "request_id"),
)

agent_sessions = Table(
    "agent_sessions",
    METADATA,
    Column("key", Text, primary_key=True),
    Column("agent", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("seen_at", Utc, nullable=False),
    Column("ended_at", Utc),
    Index("ix_agent_sessions_open", "holder", sqlite_where=IS_IN_FORCE, postgresql_where=IS_IN_FORCE),
    Index("ix_agent_sessions_ended", "ended_at"),
)
