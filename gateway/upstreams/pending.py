"""The requests under way in one server process, found by id.

Whoever reads the process's output never waits here: what comes for a request is queued for the task that
waits for its answer, up to a bound.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.upstreams import MAX_ANSWER_BYTES, InputRequired, NoAnswer, Overlarge, Result, RpcError
from gateway.upstreams.asks import Ask
from gateway.upstreams.peers import Conversation
from gateway.upstreams.rpc import Answer, Asked, Told

log = logging.getLogger(__name__)

_MAX_QUEUED = 1000
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18})\s*[,}]')

Outcome = Result | RpcError | InputRequired


@dataclass(slots=True, eq=False)
class Pending:
    """A request under way, and what came for it that was not looked at yet."""

    talk: Conversation
    heard: asyncio.Queue[Outcome | NoAnswer | Told | Asked] = field(default_factory=asyncio.Queue)

    @property
    def ask(self) -> Ask:
        """What was asked."""
        return self.talk.ask

    async def put(self, message: Told | Asked) -> None:
        """Queue a message for its client."""
        if self.heard.qsize() < _MAX_QUEUED:
            self.heard.put_nowait(message)
        else:
            log.warning("upstream says more than its client takes, dropped", extra={"method": message.method[:60]})

    async def answer(self) -> Outcome:
        """Hand on what comes, until the answer does.

        Raises:
            NoAnswer: there will be none.
        """
        while True:
            match await self.heard.get():
                case NoAnswer() as err:
                    raise err
                case Told() | Asked() as message:
                    await self.talk.put(message)
                case answer:
                    return answer


class Pendings:
    """All requests under way in the process of server `name`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._pending: dict[int, Pending] = {}

    def __iter__(self) -> Iterator[Pending]:
        return iter(list(self._pending.values()))

    def begin(self, request_id: int, talk: Conversation) -> Pending:
        """A request goes out."""
        pending = self._pending[request_id] = Pending(talk)
        return pending

    def end(self, request_id: int) -> None:
        """Nobody waits for it any more."""
        del self._pending[request_id]

    def get(self, value: Any) -> Pending | None:
        """The request of an id as it came from outside."""
        return self._pending.get(value) if isinstance(value, int) and not isinstance(value, bool) else None

    def answered(self, answer: Answer) -> None:
        """Give an answer to whoever waits for it; the first one counts."""
        pending = self.get(answer.id)
        if answer.id is None and len(self._pending) == 1:
            (pending,) = self._pending.values()  # it could not read the id, but nothing else was asked
        if pending is None:
            log.debug("upstream answered nothing that is waited for", extra={"server": self._name})
            return
        pending.heard.put_nowait(answer.outcome)

    def too_long(self, ends: bytes) -> None:
        """An answer was over the bound; `ends` are the first and last bytes of it, one of which has the id."""
        log.warning("upstream sent a line over the bound, dropped", extra={"server": self._name})
        for found in _ID.findall(ends):
            pending = self._pending.get(int(found))
            if pending is not None:
                why = f"{self._name} answered with more than {MAX_ANSWER_BYTES} bytes"
                pending.heard.put_nowait(Overlarge(why))
                return

    def lost(self, why: str) -> None:
        """The process is over."""
        for pending in self:
            pending.heard.put_nowait(NoAnswer(f"{self._name} {why} before it answered"))
