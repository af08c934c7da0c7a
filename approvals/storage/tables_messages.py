"""The table of cards: where each is, what it shows, and what it is to show."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from approvals.storage.metadata import METADATA
from approvals.storage.types import FreeText, Json, Utc

IS_QUEUED = text("state = 'queued'")
IS_DEAD = text("state = 'dead'")

messages = Table(
    "messages",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("ref", Json),
    Column("wanted_revision", Integer, nullable=False),
    Column("shown_revision", Integer),
    Column("shown_at", Utc),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Utc, nullable=False),
    Column("held_at", Utc),
    Column("holder", Text),
    Column("leased_until", Utc),
    Column("state", Text, CheckConstraint("state IN ('queued', 'delivered', 'dead')", name="state"), nullable=False),
    Column("error", FreeText),
    Column("follows", Text),
    Column("round", Integer),
    UniqueConstraint("request_id", "channel", "target"),
    Index("ix_messages_follows", "follows"),
    Index("ix_messages_ref", "ref"),
    Index("ix_messages_queued", "next_at", sqlite_where=IS_QUEUED, postgresql_where=IS_QUEUED),
    Index("ix_messages_dead", "request_id", sqlite_where=IS_DEAD, postgresql_where=IS_DEAD),
)
