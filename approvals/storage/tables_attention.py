"""The tables of attention: who saw a request when, what time there was for each decision, what people said of outcomes.

Nothing in them is free text, so numbers need no key; rows of all but `expectations` are only inserted. `readings`
repeats server, tool and rule of its request, so that the numbers of a person are one index away; `waited_ms` is
rounded (`numbers.rounded`), `final` marks the decision that ended the waiting.
"""

from __future__ import annotations

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from approvals.storage.metadata import METADATA, ROW_ID
from approvals.storage.types import FreeText, Utc

sightings = Table(
    "sightings",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("at", Utc, nullable=False),
    PrimaryKeyConstraint("request_id", "person"),
)

readings = Table(
    "readings",
    METADATA,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False, index=True),
    Column("server", Text, nullable=False),
    Column("tool", FreeText, nullable=False),
    Column("rule", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("answer", Text, CheckConstraint("answer IN ('approve', 'deny')", name="answer"), nullable=False),
    Column("via", Text, nullable=False),
    Column("at", Utc, nullable=False),
    Column("known", Text, nullable=False),
    Column("waited_ms", Integer, nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("needed_ms", Integer, nullable=False),
    Column("too_fast", Boolean, nullable=False),
    Column("final", Boolean, nullable=False),
    Column("batch", Text),
    Index("ix_readings_at", "at"),
    Index("ix_readings_person", "person", "at"),
    sqlite_autoincrement=True,
)

expectations = Table(
    "expectations",
    METADATA,
    Column("request_id", Text, ForeignKey("requests.id"), nullable=False),
    Column("person", Text, nullable=False),
    Column("as_expected", Boolean, nullable=False),
    Column("at", Utc, nullable=False),
    PrimaryKeyConstraint("request_id", "person"),
    Index("ix_expectations_at", "at"),
)
