"""The memory of event streams: what a client missed while its connection was away is sent again.

One list for each stream; an event's id is the stream's number and its place in it, so that an id alone says where
to go on. A priming event has no message and is never sent twice.
"""

from __future__ import annotations

from collections import defaultdict

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.types import JSONRPCMessage


class Replay(EventStore):
    """Keeps every event until the process ends: the server lives for one run of a suite."""

    def __init__(self) -> None:
        self._events: defaultdict[str, list[JSONRPCMessage | None]] = defaultdict(list)
        self._numbers: dict[str, int] = {}
        self._streams: list[str] = []

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Remember one event; its id."""
        if stream_id not in self._numbers:
            self._numbers[stream_id] = len(self._streams)
            self._streams.append(stream_id)
        events = self._events[stream_id]
        events.append(message)
        return f"{self._numbers[stream_id]}-{len(events) - 1}"

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send what came after this event on its stream; which stream it was."""
        number, _, place = last_event_id.partition("-")
        if not (number.isdecimal() and place.isdecimal() and int(number) < len(self._streams)):
            return None
        stream = self._streams[int(number)]
        for index, message in enumerate(self._events[stream]):
            if index > int(place) and message is not None:
                await send_callback(EventMessage(message, f"{number}-{index}"))
        return stream
