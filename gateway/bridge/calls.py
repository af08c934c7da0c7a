"""One tool call of the client, through holds, restarts and repeats of the gateway, to its one answer.

A call goes through a session where it can, a modern client's too. There the gateway takes `notifications/cancelled`,
the cancel in words that ends an approval request; a modern call over HTTP can only be hung up on, which leaves the
request open (protocol.md 0 no. 4, 2.5), and sending a call again in order to cancel it could run it. Only what a
session could not bring back (input requests, tasks) is called in the modern era itself.

A call is sent again only if it is known to be held, because then the same call finds its request by its call key,
or if it provably was not sent or not taken in. Everything else that breaks is "outcome unknown".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from gateway.bridge.attempts import RECONNECT_SECONDS, Attempt
from gateway.bridge.door import Door
from gateway.bridge.messages import (
    Answer,
    Asked,
    Said,
    for_session,
    notification,
    parsed,
    request,
    retargeted,
    with_token,
)
from gateway.bridge.session import Session, is_lost, refusal_of
from gateway.bridge.trouble import Refused, Trouble
from gateway.bridge.waits import Rising, Waiting, pending_in, still_waiting, waiting_in
from gateway.protocol.classify import Era
from gateway.protocol.headers import HEADER_MISMATCH
from gateway.protocol.jsonrpc import RpcId
from gateway.protocol.raw import dump
from gateway.protocol.results import called, server_info
from gateway.upstreams import NoAnswer, Unsent

log = logging.getLogger(__name__)

Write = Callable[[bytes], Awaitable[None]]

# No call runs longer than this without a word; the gateway's own limit for a server comes first.
SILENT_SECONDS = 24 * 3600.0
_PAUSES = (0.2, 2.0)
_WORDS_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """How a call reaches the gateway, and the way to the client. Without a session it goes as the modern request it is.

    `mirrored` brings the headers that repeat the body, as the gateway's tools are now.
    """

    door: Door
    url: str
    session: Session | None
    write: Write
    next_id: Callable[[], RpcId]
    mirrored: Callable[[Asked], Awaitable[dict[str, str]]]


class Call:
    """One `tools/call`. `run` brings the line to answer with, `cancel` ends it in words."""

    def __init__(self, leg: Leg, asked: Asked, *, mirrored: Mapping[str, str], seconds: float) -> None:
        """`mirrored` are the headers that repeat the body; `seconds` is how long it may stay held."""
        self._leg = leg
        self._asked = asked
        self._mirrored = dict(mirrored)
        self._mirrored_again = False
        self._began = _now()
        self._deadline = self._began + seconds
        self._rising = Rising()
        self._waiting: Waiting | None = None
        self._pending: bytes | None = None
        self._attempt: Attempt | None = None
        self._clock: asyncio.Timeout | None = None
        self._trouble: Trouble = Unsent("the call was not sent")
        self.cancelled = False

    async def run(self) -> Answer:
        """The answer, when there is one.

        Raises:
            NotOpened, Unsent, NoAnswer, Refused: there is none, and the call is not known to be held.
        """
        pause, longest = _PAUSES
        while True:
            sent_at = _now()
            answer = await self._once()
            if answer is not None:
                return self._dressed(answer)
            # After a whole hold at once, so that there is hardly a moment in which nobody waits; else with back-off.
            pause = 0.0 if _now() - sent_at > longest else min(max(pause * 2, _PAUSES[0]), longest)
            if self.cancelled or self._left() <= pause:
                return self._dressed(self._unfinished())
            await asyncio.sleep(pause)
            self._rising.next_hold()

    async def cancel(self, params: bytes) -> None:
        """The client cancels: say so in the session that carries the call, then let the gateway end it."""
        self.cancelled = True
        attempt = self._attempt
        if attempt is None or attempt.over.is_set():
            log.info("call cancelled while the gateway did not have it; an open request ends by itself")
            return
        try:
            async with asyncio.timeout(_WORDS_SECONDS):
                await attempt.heard.wait()
        except TimeoutError:
            log.info("call cancelled before the gateway said anything to it")
        body = notification("notifications/cancelled", retargeted(params, attempt.id))
        try:
            await self._leg.door.tell(body, attempt.headers)
            async with asyncio.timeout(_WORDS_SECONDS):
                await attempt.over.wait()
        except (Unsent, NoAnswer, Refused, TimeoutError) as err:
            log.info("call hung up on without a confirmed cancel: %s", str(err) or "it goes on running")

    async def _once(self) -> Answer | None:
        """Send it; None if it is held and may be sent again."""
        try:
            return await self._judged(await self._sent())
        except TimeoutError as err:
            self._trouble = NoAnswer(f"the gateway said nothing to the call for {SILENT_SECONDS:g} s")
            if self._waiting is None:
                raise self._trouble from err
            await self._let_go()
        except Unsent as err:
            self._trouble = err
            if self._waiting is None and not self._leg.door.reached:
                raise
        except NoAnswer as err:
            if self._waiting is None:
                raise
            log.info("held call lost its line, sent again: %s", err)
        except Refused as err:
            self._trouble = err
            if not self._lost(err) and (self._waiting is None or err.status < 500):
                raise
        return None

    async def _let_go(self) -> None:
        """Say that nobody comes back for this stream. The gateway takes such a reason as a disconnect, not a wish."""
        attempt = self._attempt
        if attempt is None or attempt.opened is None:
            return
        reason = {"requestId": attempt.id, "reason": "timed out: the client can wait no longer"}
        try:
            async with asyncio.timeout(_WORDS_SECONDS):
                await self._leg.door.tell(notification("notifications/cancelled", dump(reason)), attempt.headers)
        except (Unsent, NoAnswer, Refused, TimeoutError) as err:
            log.info("the gateway was not told that a call is waited for no longer: %s", err)

    async def _judged(self, answer: Answer) -> Answer | None:
        if answer.error is not None:
            if asked_for_other_headers(answer.error) and self._asked.version is not None and not self._mirrored_again:
                # Refused before it ran: our view of the tool is old. In a session they may be left out.
                self._mirrored = {} if self._leg.session is not None else await self._leg.mirrored(self._asked)
                self._mirrored_again = True
                return None
            return answer
        waiting = pending_in(answer.result or b"{}")
        if waiting is None or self._asked.declined:
            # Whose user would not open the page of a call is told at once that it waits, and decides what to do.
            return answer
        self._hold(waiting)
        self._pending = answer.result
        return None

    async def _sent(self) -> Answer:
        limit = self._deadline if self._waiting is not None else _now() + SILENT_SECONDS
        self._attempt = None
        try:
            async with asyncio.timeout_at(limit) as self._clock:
                session = self._leg.session
                opened = await session.ready() if session is not None else None
                headers = (
                    opened.headers() if opened is not None else {"MCP-Protocol-Version": self._asked.version or ""}
                )
                attempt = Attempt(id=self._leg.next_id(), opened=opened, headers=headers, said=self._said)
                self._attempt = attempt
                return await attempt.send(self._leg.door, self._body(attempt), self._mirrored)
        finally:
            self._clock = None

    def _body(self, attempt: Attempt) -> bytes:
        asked = self._asked
        crosses = attempt.opened is not None and asked.version is not None
        params = for_session(asked.params) if crosses else asked.params
        return request(attempt.id, asked.method, with_token(params, attempt.id))

    async def _said(self, message: Said, attempt: Attempt) -> None:
        if message.method != "notifications/progress" or message.id is not None:
            await self._relay(message, attempt)
            return
        told = parsed(message.params)
        if told.get("progressToken") != attempt.id:
            return
        waiting = waiting_in(told, self._leg.url)
        if waiting is not None:
            self._hold(waiting)
        if self._asked.token is not None:
            moved = self._rising.moved(message.params, told, self._asked.token)
            if moved is not None and not self.cancelled:
                await self._leg.write(notification("notifications/progress", moved))

    async def _relay(self, message: Said, attempt: Attempt) -> None:
        answer = None if self._asked.version is None else refusal_of(message)
        if answer is None:
            await self._leg.write(message.line)
            return
        await self._leg.door.tell(answer, attempt.headers)

    def _hold(self, waiting: Waiting) -> None:
        if self._waiting is None or self._waiting.request != waiting.request or self._waiting.page is None:
            self._waiting = waiting
        if self._clock is not None and not self._clock.expired():
            self._clock.reschedule(self._deadline)

    def _unfinished(self) -> Answer:
        """What to say when the time is over: the gateway's own pending answer if it gave one."""
        if self._waiting is None:
            raise self._trouble
        result = self._pending or still_waiting(self._asked.name or "", self._waiting)
        return Answer(id=self._asked.id, result=result, error=None)

    def _dressed(self, answer: Answer) -> Answer:
        """For a modern client a result of the session gets what this era demands; the gateway's own has it."""
        session, result = self._leg.session, answer.result
        if self._asked.version is None or result is None or (session is None and b'"resultType"' in result):
            return answer
        info = session.opened.info if session is not None and session.opened is not None else server_info("1")
        return Answer(id=answer.id, result=called(result, era=Era.MODERN, info=info), error=None)

    def _lost(self, refused: Refused) -> bool:
        attempt, session = self._attempt, self._leg.session
        if attempt is None or attempt.opened is None or session is None or not is_lost(refused, attempt.opened):
            return False
        session.forget(attempt.opened)
        return True

    def _left(self) -> float:
        until = self._began + RECONNECT_SECONDS if self._waiting is None else self._deadline
        return until - _now()


def _now() -> float:
    return asyncio.get_running_loop().time()


def asked_for_other_headers(error: bytes) -> bool:
    """Whether an error says that headers and body disagree."""
    return parsed(error).get("code") == HEADER_MISMATCH
