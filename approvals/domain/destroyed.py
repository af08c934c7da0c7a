"""That what was written in a request can be read no more: since when, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class DestroyedBy(StrEnum):
    """Why what was written in a request can be read no more."""

    RETENTION = "retention"
    """It was older than is kept."""
    LOST_KEY = "lost_key"
    """The master key that it was sealed with is lost, and somebody said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """Since when what was written in a request can be read no more, and why."""

    at: datetime
    by: DestroyedBy

    def __str__(self) -> str:
        how = "by retention" if self.by is DestroyedBy.RETENTION else "with a lost key"
        return f"destroyed {how} on {self.at:%Y-%m-%d}"
