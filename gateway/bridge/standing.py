"""What the gateway says to an older client outside of any answer: changed lists, updated resources, its own requests.

It comes on the one standing stream of the session (GET). A gateway that offers none is asked once; a stream that ends
is opened again from its last event on, and a session that was lost with it is begun again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.bridge.door import Door, Place
from gateway.bridge.messages import Said
from gateway.bridge.session import NotOpened, Opened, Session, is_lost
from gateway.bridge.trouble import Refused
from gateway.upstreams import NoAnswer, Unsent

log = logging.getLogger(__name__)

_PAUSES = (1.0, 30.0)


class Standing:
    """Follows the standing stream of one session."""

    def __init__(self, door: Door, session: Session, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._door = door
        self._session = session
        self._write = write
        self._place: Place | None = None
        self._of: Opened | None = None

    async def follow(self) -> None:
        """Pass on what is said until cancelled, or until the gateway says that it offers no such stream."""
        pause, longest = _PAUSES
        while True:
            began = asyncio.get_running_loop().time()
            if not await self._once():
                return
            lasted = asyncio.get_running_loop().time() - began
            pause = _PAUSES[0] if lasted > longest else min(pause * 2, longest)
            await asyncio.sleep(pause)

    async def _once(self) -> bool:
        """Follow it to its end; False where there is nothing to come back for."""
        try:
            opened = await self._session.ready()
            if opened is not self._of:
                self._of, self._place = opened, None
            await self._read(opened)
        except NotOpened:
            return False
        except Refused as refused:
            return self._may_come_back(refused)
        except (Unsent, NoAnswer) as err:
            log.debug("standing stream broke off: %s", err)
        return True

    async def _read(self, opened: Opened) -> None:
        async with self._door.get(opened.headers(), self._place) as incoming:
            try:
                async for message in incoming.messages():
                    if isinstance(message, Said):
                        await self._write(message.line)
            finally:
                self._place = incoming.place or self._place

    def _may_come_back(self, refused: Refused) -> bool:
        if self._of is not None and is_lost(refused, self._of):
            self._session.forget(self._of)
            return True
        if self._place is not None and refused.status == 400:
            self._place = None  # what was missed is kept no more
            return True
        return refused.status >= 500 and refused.status != 501
