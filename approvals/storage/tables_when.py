"""The tables of when people are asked: who is away, and who was reminded of what."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, PrimaryKeyConstraint, Table, Text

from approvals.storage.metadata import METADATA
from approvals.storage.types import Utc

absences = Table(
    "absences",
    METADATA,
    Column("person", Text, primary_key=True),
    Column("to", Text, index=True),
    Column("since", Utc, nullable=False),
    Column("until", Utc, nullable=False),
    Column("moved_at", Utc),
)
"""One a person: the one now, or the next. `moved_at`: when the delegate was shown what waited for the absent."""

reminders = Table(
    "reminders",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), primary_key=True),
    Column("sent", Integer, nullable=False),
    Column("next_at", Utc, index=True),
)
"""When people are reminded of a request next, and how often they were; none is left where `next_at` is not there."""

reminded = Table(
    "reminded",
    METADATA,
    Column("channel", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("at", Utc, nullable=False),
    PrimaryKeyConstraint("channel", "target"),
)
"""When a place was reminded last, of whatever."""
