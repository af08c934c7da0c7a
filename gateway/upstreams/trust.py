"""How lately a server answered, and so whether it may be trusted with what cannot be sent again.

A server that was restarted has forgotten its sessions, and may speak otherwise than it did. A call that finds
this out by being refused ends as `unknown`, so before a call goes to a server that was silent for a while,
something harmless is asked of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

TRUSTED_SECONDS = 10.0
ASSURANCE_SECONDS = 5.0
"""How long the harmless question may take. Silence tells nothing of the session: a busy server may answer late."""
_NEVER = float("-inf")


class Trust:
    """When it last answered. `lock` is for whoever asks, so that many calls at once ask once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.lock = asyncio.Lock()
        self._clock = clock
        self._answered_at = _NEVER

    @property
    def fresh(self) -> bool:
        """Whether it answered a moment ago."""
        return self._clock() - self._answered_at < TRUSTED_SECONDS

    def answered(self) -> None:
        """It answered now."""
        self._answered_at = self._clock()

    def doubt(self) -> None:
        """Something went wrong with it: it may be another one when it comes back."""
        self._answered_at = _NEVER
