"""What the command line of `placet stdio` says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The gateway's address, the agent's token and where it came from, and how long a call is waited for."""

    url: str
    token: str | None = field(repr=False)
    token_env: str
    wait: timedelta | None = None
