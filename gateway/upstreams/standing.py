"""The standing stream of a session (GET): what a server says and asks beside of its answers.

One a session, because servers give only one, and only where it is needed: somebody listens, or the client
declared that it can be asked. It is taken up again with `Last-Event-ID` and the server's own `retry:`;
without an id those who listen are told that they may have missed something.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from gateway.upstreams import NoAnswer, Unsent
from gateway.upstreams.hub import hand_out
from gateway.upstreams.listening import NOTHING
from gateway.upstreams.places import Place, Session
from gateway.upstreams.replies import events
from gateway.upstreams.rpc import Asked, Told, read
from gateway.upstreams.sse import Reader
from gateway.upstreams.wire import Wire

log = logging.getLogger(__name__)

NOTHING_DECLARED = "{}"
_AGAIN_SECONDS = (1.0, 60.0)
_LEAST_RETRY_SECONDS = 0.05
_BEGIN_SECONDS = 2.0
_MAX_NOTICE_BYTES = 1024 * 1024


class Standing:
    """Keeps the standing streams of one server."""

    def __init__(
        self,
        wire: Wire,
        session: Callable[[Place], Awaitable[Session]],
        respond: Callable[[Session | None, bytes], Awaitable[None]],
        tools_changed: Callable[[], None],
    ) -> None:
        self._wire, self._session, self._respond = wire, session, respond
        self._tools_changed = tools_changed

    def attend(self, place: Place) -> None:
        """See to it that a place has a stream if it needs one; without a running upstream there is none."""
        needed = place.key[1] != NOTHING_DECLARED or any(ear.accepted not in (None, NOTHING) for ear in place.ears)
        if needed and (place.standing is None or place.standing.done()):
            place.stood.clear()
            place.standing = self._wire.nursery.spawn(partial(self._stand, place))

    async def begun(self, place: Place) -> None:
        """Wait for a new stream to begin: what some servers ask during a call goes there, or nowhere without it."""
        if place.standing is None or place.standing.done() or place.stood.is_set():
            return
        try:
            async with asyncio.timeout(_BEGIN_SECONDS):
                await place.stood.wait()
        except TimeoutError:
            place.stood.set()  # once is enough: no later request waits for it

    async def _stand(self, place: Place) -> None:
        least, most = _AGAIN_SECONDS
        pause, now = least, asyncio.get_running_loop().time
        session: Session | None = None
        reader = Reader(max_event_bytes=_MAX_NOTICE_BYTES)
        while True:
            began = now()
            try:
                before, session = session, await self._session(place)
                last_id = reader.last_id if session is before else None
                reader = Reader(max_event_bytes=_MAX_NOTICE_BYTES)
                reader.last_id = last_id
                if not await self._stream(place, session, reader, last_id):
                    return
            except (Unsent, NoAnswer) as err:
                place.stood.set()
                log.debug("standing stream of upstream ended: %s", err, extra={"server": self._wire.name})
            place.trust.doubt()  # a server that is restarted ends its streams first
            pause = least if now() - began > most else min(pause * 2, most)
            await asyncio.sleep(pause if reader.retry is None else min(max(reader.retry, _LEAST_RETRY_SECONDS), most))

    async def _stream(self, place: Place, session: Session, reader: Reader, last_id: str | None) -> bool:
        """One stream, to its end. False: the server offers none."""
        headers = session.headers() | ({} if last_id is None else {"Last-Event-ID": last_id})
        async with self._wire.get(headers, forever=True) as answer:
            place.stood.set()
            if answer.status == 404:
                if place.session is session:
                    place.session = None
                return True
            if answer.status == 400 and last_id is not None:
                reader.last_id = None  # it no longer has that event
                return True
            if answer.status >= 500 or answer.status in (408, 409, 429):
                raise NoAnswer(f"{self._wire.name} gives no standing stream now (HTTP {answer.status})")
            if answer.status != 200 or answer.media_type != "text/event-stream":
                return False
            place.streams += 1
            if place.streams > 1 and last_id is None:
                for ear in list(place.ears):
                    ear.missed()
            async for event in events(answer, reader, name=self._wire.name):
                message = read(event.data)
                if isinstance(message, Asked | Told):
                    await hand_out(
                        message,
                        talks=place.talks,
                        ears=place.ears,
                        respond=partial(self._respond, session),
                        tools_changed=self._tools_changed,
                    )
        return True
