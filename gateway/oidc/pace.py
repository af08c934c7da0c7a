"""How many sign-ins may be begun: a stop to loops and floods, in memory, by address and in all."""

from __future__ import annotations

from collections import deque

PER_MINUTE = 60
IN_ALL = 600
_SECONDS = 60.0


class Pace:
    """Counts over a sliding minute. `now` only ever rises."""

    def __init__(self) -> None:
        self._begun: deque[tuple[float, str]] = deque()

    def admits(self, address: str, now: float) -> bool:
        """Is there room for one more from this address? If so, it is counted."""
        while self._begun and self._begun[0][0] <= now - _SECONDS:
            self._begun.popleft()
        if len(self._begun) >= IN_ALL or sum(one == address for _, one in self._begun) >= PER_MINUTE:
            return False
        self._begun.append((now, address))
        return True
