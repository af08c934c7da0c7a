"""The tables of stops: freezes, openings of break-glass, and the alerts that channels are still owed."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, Text, text

from approvals.storage.metadata import METADATA, ROW_ID
from approvals.storage.types import FreeText, Json, Sealed, Utc

IS_IN_FORCE = text("ended_at IS NULL")
IS_OWED = text("state = 'queued'")

switches = Table(
    "switches",
    METADATA,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("scope", Text, nullable=False),
    Column("reason", FreeText, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("ended_at", Utc),
    Column("ended_by", Text),
    Index("uq_switches_scope", "scope", unique=True, sqlite_where=IS_IN_FORCE, postgresql_where=IS_IN_FORCE),
)

openings = Table(
    "openings",
    METADATA,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("scope", Text, nullable=False),
    Column("reason", FreeText, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("confirm_until", Utc),
    Column("confirmed_by", Text),
    Column("opened_at", Utc),
    Column("until", Utc),
    Column("ended_at", Utc),
    Column("ended_by", Text),
    Index("uq_openings_scope", "scope", unique=True, sqlite_where=IS_IN_FORCE, postgresql_where=IS_IN_FORCE),
)

alerts = Table(
    "alerts",
    METADATA,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("text", FreeText, nullable=False),
    Column("request_id", Text),
    Column("words", Sealed("text")),
    Column("about", Json),
    Column("at", Utc, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Utc, nullable=False),
    Column("holder", Text),
    Column("leased_until", Utc),
    Column("state", Text, CheckConstraint("state IN ('queued', 'dead')", name="state"), nullable=False),
    Column("error", FreeText),
    Index("ix_alerts_owed", "next_at", sqlite_where=IS_OWED, postgresql_where=IS_OWED),
)
