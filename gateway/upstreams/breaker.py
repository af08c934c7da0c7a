"""The circuit breaker of one upstream: a server that keeps failing is left alone for a while.

It counts what ends as `Unsent` or `NoAnswer` among the last requests. While it is open nothing is sent,
so the refusal is `Unsent`; then one request is let through, and its outcome decides. That one is never a tool call, of
which nobody could say whether it ran: who wants to make one asks for the tools first (`due`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.upstreams import NoAnswer, Unfit, Unsent

REMEMBERED = 20
LEAST = 5
OPEN_SECONDS = 10.0


class Breaker:
    """Half of the last requests failed: open."""

    def __init__(self, name: str, *, now: Callable[[], float] = time.monotonic) -> None:
        self._name, self._now = name, now
        self._failed: deque[bool] = deque(maxlen=REMEMBERED)
        self._until: float | None = None
        self._trying = False
        self._why = ""

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One request.

        Raises:
            Unsent: the breaker is open.
        """
        trial = self._enter()
        try:
            yield
        except Unfit:
            raise
        except (Unsent, NoAnswer) as err:
            self._failure(str(err))
            raise
        else:
            self._success()
        finally:
            if trial:
                self._trying = False

    @property
    def due(self) -> bool:
        """Whether the next request is the one that is let through to try the server."""
        return self._until is not None and not self._trying and self._until <= self._now()

    @property
    def trouble(self) -> str | None:
        """Why the server is left alone, and until when, to go on after its name; None while it is not."""
        if self._until is None:
            return None
        left = self._until - self._now()
        again = f"it is tried again in {left:.0f} s" if left > 0 else "it is tried again with the next request"
        if self._trying:
            again = "it is being tried again now"
        return f"has failed {sum(self._failed)} of its last {len(self._failed)} requests, {again}"

    def reset(self) -> None:
        """The server was started again: what it did before counts no more."""
        self._failed.clear()
        self._until = None

    def _enter(self) -> bool:
        if self._until is None:
            return False
        if self._until > self._now() or self._trying:
            raise Unsent(f"{self._name} {self.trouble} (the last time: {self._why})")
        self._trying = True
        return True

    def _failure(self, why: str) -> None:
        self._failed.append(True)
        self._why = why.removeprefix(f"{self._name} ")[:300]
        many = len(self._failed) >= LEAST and 2 * sum(self._failed) >= len(self._failed)
        if self._until is not None or many:
            self._until = self._now() + OPEN_SECONDS

    def _success(self) -> None:
        if self._until is not None:
            self.reset()
        self._failed.append(False)
