"""One sending of a tool call: the POST, and the rest of its stream if that breaks off and the gateway has kept it.

Whether a call may be sent once more is not decided here but in `calls`; this only never loses an answer that can
still be had.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.bridge.door import Door, Incoming, NotMcp, Place
from gateway.bridge.messages import Answer, Said
from gateway.bridge.session import Opened
from gateway.bridge.trouble import Refused
from gateway.protocol.jsonrpc import RpcId
from gateway.upstreams import NoAnswer, Unsent

log = logging.getLogger(__name__)

# How long a gateway that was there may be gone before what can be had of it no more is given up.
RECONNECT_SECONDS = 15.0
_MAX_STUCK = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Broken:
    """A stream that ended before the answer, and whose rest can be asked for."""

    place: Place
    why: NoAnswer
    stuck: int


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One time that the call was sent. `heard` is set once the gateway has it, `over` when it is done with it."""

    id: RpcId
    opened: Opened | None
    headers: dict[str, str]
    said: Callable[[Said, Attempt], Awaitable[None]]
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, door: Door, body: bytes, mirrored: dict[str, str]) -> Answer:
        """Send it and wait for the answer.

        Raises:
            Unsent, NoAnswer, Refused: there is none.
        """
        try:
            async with door.post(body, {**mirrored, **self.headers}, rpc_id=self.id) as incoming:
                self.heard.set()
                found = await self._read(incoming, None)
            while isinstance(found, _Broken):
                found = await self._resumed(door, found)
            return found
        finally:
            self.over.set()

    async def _read(self, incoming: Incoming, before: _Broken | None) -> Answer | _Broken:
        """The answer, or where the stream broke off if the rest of it can be asked for."""
        why = NoAnswer("the gateway ended its answer to the call without one")
        try:
            async for message in incoming.messages():
                if isinstance(message, Said):
                    await self.said(message, self)
                elif message.id == self.id:
                    return message
        except NotMcp:
            raise
        except NoAnswer as err:
            why = err
        place = incoming.place or (before.place if before is not None else None)
        moved = before is None or (place is not None and place.last_id != before.place.last_id)
        stuck = 0 if moved or before is None else before.stuck + 1
        if place is None or stuck > _MAX_STUCK:
            raise why
        return _Broken(place=place, why=why, stuck=stuck)

    async def _resumed(self, door: Door, broken: _Broken) -> Answer | _Broken:
        """The rest of a stream that broke off: the gateway has gone on with the call meanwhile."""
        now = asyncio.get_running_loop().time
        until = now() + RECONNECT_SECONDS
        while True:
            await asyncio.sleep(broken.place.retry)
            try:
                async with door.get(self.headers, broken.place) as incoming:
                    return await self._read(incoming, broken)
            except Unsent:
                if now() > until:
                    raise broken.why from None
            except Refused as refused:
                log.info("the rest of a stream is not to be had (HTTP %s)", refused.status)
                raise broken.why from refused
