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
from gateway.upstreams.rpc import Answer, Asked, Garbage, Told

log = logging.getLogger(__name__)

_MAX_QUEUED = 1000
_GRACE_SECONDS = 2.0
"""How long the answer may take after a line of prose that quotes it: some servers log what they are about to say."""
_ID = re.compile(rb'"id"\s*:\s*(\d{1,18})\s*[,}]')

Outcome = Result | RpcError | InputRequired


class Garbled(NoAnswer):
    """Something came in the place of the answer. `prose`: in a line that may be a log, so the answer may come yet."""

    def __init__(self, why: str, *, prose: bool = False) -> None:
        super().__init__(why)
        self.prose = prose


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
        doubt: NoAnswer | None = None
        until: float | None = None
        while True:
            try:
                async with asyncio.timeout_at(until):
                    heard = await self.heard.get()
            except TimeoutError:
                if doubt is None:
                    raise
                raise doubt from None
            match heard:
                case Garbled(prose=True) as err:
                    if until is None:
                        doubt, until = err, asyncio.get_running_loop().time() + _GRACE_SECONDS
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
        if pending is None and isinstance(answer.id, str) and re.fullmatch("[0-9]{1,18}", answer.id):
            pending = self.get(int(answer.id))
            if pending is not None:
                why = f"{self._name} answered under the id {answer.id!r}, a string, instead of the number"
                pending.heard.put_nowait(Garbled(why))
                return
        if pending is None:
            log.debug("upstream answered nothing that is waited for", extra={"server": self._name})
            return
        pending.heard.put_nowait(answer.outcome)

    def garbled(self, garbage: Garbage, *, prose: bool) -> None:
        """A line that is no message; the request that it was meant to answer gets no other answer."""
        pending = self.get(garbage.answers)
        if pending is not None:
            pending.heard.put_nowait(Garbled(f"{self._name} answered something that {garbage.why}", prose=prose))

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
