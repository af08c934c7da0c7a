"""Server-sent events, read strictly and within bounds: bytes in, events out.

Pure. Lines end in LF, CR or CRLF, also across chunks; comments count as signs of life only.
`data` stays bytes so that the JSON in it is never decoded and encoded again. A stream that
passes a bound raises `TooMuch`: the reader does not guess where the next event begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_EVENTS = 100_000
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
_MAX_ID_BYTES = 1024
_MAX_RETRY_DIGITS = 9


class TooMuch(Exception):
    """A line, an event or the stream is longer than allowed; `str()` says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One dispatched event. `id` is the last id seen so far, `retry` the last reconnection time, in seconds."""

    kind: str
    data: bytes
    id: str | None
    retry: float | None


class Reader:
    """Collects chunks and hands out whole events."""

    def __init__(self, *, max_event_bytes: int, max_events: int = MAX_EVENTS) -> None:
        self._max_event_bytes = max_event_bytes
        self._max_events = max_events
        self._rest = bytearray()
        self._after_cr = False
        self._begun = False
        self._data: list[bytes] = []
        self._size = 0
        self._kind = ""
        self._events = 0
        self._changed = False
        self.last_id: str | None = None
        self.retry: float | None = None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that this chunk completed.

        Raises:
            TooMuch: a bound was passed.
        """
        for line in self._lines(chunk):
            if line:
                self._field(line)
                continue
            event = self._dispatch()
            if event is not None:
                yield event

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        self._after_cr = chunk.endswith(b"\r") if chunk else self._after_cr
        if not _LINE_END.search(chunk):  # a long line in many chunks is joined once, not once a chunk
            self._hold(chunk)
            return
        *whole, rest = _LINE_END.split(bytes(self._rest) + chunk)
        self._rest.clear()
        self._hold(rest)
        for line in whole:
            yield self._without_bom(line)

    def _hold(self, piece: bytes) -> None:
        if len(self._rest) + len(piece) > self._max_event_bytes:
            raise TooMuch(f"a line of its event stream is longer than {self._max_event_bytes} bytes")
        self._rest += piece

    def _without_bom(self, line: bytes) -> bytes:
        if self._begun:
            return line
        self._begun = True
        return line.removeprefix(_BOM)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        match name:
            case b"data":
                self._size += len(value) + 1
                if self._size > self._max_event_bytes:
                    raise TooMuch(f"an event of its stream is longer than {self._max_event_bytes} bytes")
                self._data.append(value)
            case b"event":
                self._kind = value.decode("utf-8", "replace")
            case b"id":
                if b"\0" not in value and len(value) <= _MAX_ID_BYTES and value.isascii():
                    self.last_id = value.decode("ascii") or None
                    self._changed = True
            case b"retry":
                if value.isdigit() and len(value) <= _MAX_RETRY_DIGITS:
                    self.retry = int(value) / 1000
                    self._changed = True
            case _:
                pass  # a comment (empty name) or a field from the future

    def _dispatch(self) -> Event | None:
        if not self._data and not self._changed:
            self._kind = ""
            return None
        self._events += 1
        if self._events > self._max_events:
            raise TooMuch(f"its event stream has more than {self._max_events} events")
        event = Event(kind=self._kind or "message", data=b"\n".join(self._data), id=self.last_id, retry=self.retry)
        self._data, self._size, self._kind, self._changed = [], 0, "", False
        return event
