"""The tables of when people are asked: who is away."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

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
