"""The sessions of the session era over HTTP: one a session key and set of declared capabilities.

A place is the room for a session; the session in it may be lost and begun anew. Places are bounded, all
together and for one key, and the longest unused gives way; what was not used for long ends as well. What is in
use never does.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.upstreams import Hello
from gateway.upstreams.listening import Listening
from gateway.upstreams.peers import Conversation
from gateway.upstreams.trust import Trust

MAX_SESSIONS = 1000
MAX_SESSIONS_A_KEY = 4
IDLE_SECONDS = 1800.0

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What one `initialize` agreed on. `id` is None where the server keeps no sessions."""

    id: str | None
    hello: Hello

    def headers(self) -> dict[str, str]:
        """What every later request carries."""
        headers = {"MCP-Protocol-Version": self.hello.version}
        if self.id is not None:
            headers["Mcp-Session-Id"] = self.id
        return headers


@dataclass(slots=True, eq=False)
class Place:
    """A session, or the room for one; who uses it, and who listens to it."""

    key: Key
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    session: Session | None = None
    trust: Trust = field(default_factory=Trust)
    busy: int = 0
    used_at: float = 0.0
    talks: set[Conversation] = field(default_factory=set)
    ears: set[Listening] = field(default_factory=set)
    uris: Counter[str] = field(default_factory=Counter)
    level: str | None = None
    """At which level its client wants the server to log."""
    told: tuple[Session, str] | None = None
    """The session whose server was told so last, and the level."""
    standing: asyncio.Task[None] | None = None
    stood: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the standing stream has begun, or is known not to."""
    streams: int = 0
    leaving: bool = False

    @property
    def idle(self) -> bool:
        """Whether it can be given up."""
        return not self.busy and not self.ears

    def stop_standing(self) -> None:
        """Close its standing stream."""
        if self.standing is not None:
            self.standing.cancel()
            self.standing = None


class Places:
    """All sessions with one server. `end` says goodbye to one; `clock` is monotonic seconds."""

    def __init__(self, end: Callable[[Session], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._end, self._clock = end, clock
        self._places: OrderedDict[Key, Place] = OrderedDict()

    @contextmanager
    def used(self, key: Key) -> Iterator[Place]:
        """The place of that key; it is not given up meanwhile."""
        place = self.at(key)
        place.busy += 1
        try:
            yield place
        finally:
            place.busy -= 1
            if place.leaving and not place.busy:
                self._give_up(place)

    def at(self, key: Key) -> Place:
        """The place of that key, made if it was not there."""
        place = self._places.setdefault(key, Place(key))
        self._places.move_to_end(key)
        place.used_at = self._clock()
        return place

    def make_room(self, keep: Place) -> None:
        """Keep the bounds: the longest unused go first."""
        kin = [place for place in self._places.values() if place.key[0] == keep.key[0]]
        for places, most in ((kin, MAX_SESSIONS_A_KEY), (list(self._places.values()), MAX_SESSIONS)):
            idle = [place for place in places if place.idle and place is not keep]
            for place in idle[: max(len(places) - most, 0)]:
                self._give_up(place)

    def sweep(self) -> None:
        """End what was not used for long. To be busy or listened to is use: its time begins after that."""
        now = self._clock()
        for place in list(self._places.values()):
            if not place.idle:
                place.used_at = now
            elif now - place.used_at > IDLE_SECONDS:
                self._give_up(place)

    def leave(self, session: str) -> None:
        """End everything of a session key, each as soon as nothing is under way in it."""
        for place in [place for place in self._places.values() if place.key[0] == session]:
            place.leaving = True
            if not place.busy:
                self._give_up(place)

    def close(self) -> None:
        """End everything now."""
        for place in list(self._places.values()):
            self._give_up(place)

    def abandon(self) -> None:
        """Forget everything without a word: the server is another one now."""
        while self._places:
            self._places.popitem()[1].stop_standing()

    def doubt(self) -> None:
        """The server could not be reached, or failed: it may have been started again, without its sessions."""
        for place in self._places.values():
            place.trust.doubt()

    def _give_up(self, place: Place) -> None:
        if self._places.get(place.key) is place:
            del self._places[place.key]
        place.stop_standing()
        if place.session is not None:
            self._end(place.session)
            place.session = None
