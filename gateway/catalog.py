"""What tools each upstream has, as it last said: definitions, fingerprints, and how to check arguments.

The list is asked for when it is older than its time to live, when the server says that it changed, or
when the caller wants it fresher (`max_age`, before an approved call runs). Many callers at once ask once.
A tool that cannot be used safely (a name outside the pattern, listed twice, a schema that cannot be
checked) stays known with the reason, but is not listed. Names are compared byte for byte, never folded.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from approvals.domain.fingerprint import of_tool
from approvals.errors import Unavailable
from gateway.upstreams import NoAnswer, Unsent, Upstream
from gateway.upstreams.schemas import ArgumentCheck, Problem, UnusableSchema

log = logging.getLogger(__name__)

TTL_SECONDS = 60.0
RETRY_SECONDS = 5.0
_NAME = re.compile(r"[A-Za-z0-9_.\-/]{1,128}")
_MAX_DEFINITION_BYTES = 256 * 1024


Compare = Callable[[str, Mapping[str, tuple[str, Mapping[str, Any]]]], Awaitable[frozenset[str]]]
"""Given a server and what it lists (fingerprint and definition by name): the tools that have drifted."""


async def _nothing_changed(_server: str, _seen: object) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One tool of one upstream. `unusable` says why it cannot be called; then nothing else of it counts.

    `drifted`: its definition is not the one an operator accepted.
    """

    server: str
    name: str
    definition: dict[str, Any]
    fingerprint: str
    check: ArgumentCheck | None = None
    unusable: str | None = None
    drifted: bool = False

    def problems(self, arguments: dict[str, Any]) -> tuple[Problem, ...]:
        """What is wrong with these arguments; empty when they fit."""
        if self.check is None:
            return (Problem(pointer="", message=f"this tool cannot be called: {self.unusable}"),)
        return self.check.problems(arguments)

    def listing(self) -> dict[str, Any]:
        """The definition as agents see it: without `execution`, for calls through the gateway are plain ones."""
        return {name: value for name, value in self.definition.items() if name != "execution"}


class Place(NamedTuple):
    """Whose list it is: the client's session with the upstream, and what the client declared, as JSON text.

    Some servers show tools only to clients that can do what those need.
    """

    session: str
    capabilities: bytes


NOWHERE = Place("", b"{}")
"""The gateway's own list, of what every client is shown."""
VARIANTS = 16
"""How many different declarations are asked about per server; further clients see what every client is shown."""


@dataclass(slots=True)
class _Shelf:
    """The tools of one upstream, and when they were asked for."""

    upstream: Upstream
    place: Place = NOWHERE
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    tools: dict[str, Tool] | None = None
    at: float = float("-inf")
    failed_at: float = float("-inf")
    failure: Unsent | NoAnswer | None = None
    warned: frozenset[tuple[str, str]] = frozenset()

    def outdate(self) -> None:
        """What is here may be wrong: ask again before it is used."""
        self.at = float("-inf")


class Catalog:
    """The tools of every upstream."""

    def __init__(
        self,
        upstreams: Mapping[str, Upstream],
        *,
        compare: Compare = _nothing_changed,
        ttl: float = TTL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl, self._compare = ttl, compare
        self._clock = clock
        self._shelves: dict[str, _Shelf] = {}
        self._more: dict[str, dict[bytes, _Shelf]] = {}
        self.replace(upstreams)

    def replace(self, upstreams: Mapping[str, Upstream]) -> None:
        """Serve these upstreams from now on; what is known of an unchanged one stays."""
        kept = {name: self._shelves.get(name) for name in upstreams}
        self._shelves = {}
        for name, upstream in upstreams.items():
            shelf = kept[name]
            if shelf is None or shelf.upstream is not upstream:
                shelf = _Shelf(upstream)
                self._more.pop(name, None)
                upstream.on_tools_changed = partial(self._outdate_all, name)
            self._shelves[name] = shelf

    async def tools(self, server: str, *, place: Place = NOWHERE, max_age: float | None = None) -> list[Tool]:
        """The tools that can be used, sorted by name; with a place, those its client alone is shown besides.

        While the server cannot be asked, its last list is given, unless `max_age` (seconds) demands a newer one.

        Raises:
            KeyError: no such server.
            Unsent, NoAnswer: the server cannot be asked, and there is no list that would do.
        """
        known = {**await self._besides(server, place, max_age), **await self._known(server, max_age)}
        return _usable(known)

    async def tool(
        self, server: str, name: str, *, place: Place = NOWHERE, max_age: float | None = None
    ) -> Tool | None:
        """The tool of exactly this name, usable or not; None if the server has none for the client of the place.

        Raises:
            KeyError, Unsent, NoAnswer: as for `tools`.
        """
        found = (await self._known(server, max_age)).get(name)
        return found if found is not None else (await self._besides(server, place, max_age)).get(name)

    def last(self, server: str) -> list[Tool] | None:
        """The tools that could be used when the server last said; None if it never has. Asks nobody."""
        shelf = self._shelves.get(server)
        return None if shelf is None or shelf.tools is None else _usable(shelf.tools)

    def withheld(self, server: str) -> list[Tool]:
        """The tools last listed that cannot be used or have drifted, for operators. Asks nobody."""
        known = self._shelves[server].tools or {}
        return [known[name] for name in sorted(known) if known[name].unusable is not None or known[name].drifted]

    def outdate(self, server: str) -> None:
        """Ask this server again before its tools are used next, also where it could not be asked a moment ago."""
        for shelf in self._of(server):
            shelf.outdate()
            shelf.failed_at = float("-inf")

    def _of(self, server: str) -> list[_Shelf]:
        own = self._shelves.get(server)
        return [*([own] if own is not None else []), *self._more.get(server, {}).values()]

    def _outdate_all(self, server: str) -> None:
        for shelf in self._of(server):
            shelf.outdate()

    async def _besides(self, server: str, place: Place, max_age: float | None) -> dict[str, Tool]:
        """What the server shows to the client of a place; nothing where it cannot be asked for that."""
        if place.capabilities == NOWHERE.capabilities:
            return {}
        variants = self._more.setdefault(server, {})
        shelf = variants.get(place.capabilities)
        if shelf is None:
            if len(variants) >= VARIANTS:
                return {}
            shelf = variants[place.capabilities] = _Shelf(self._shelves[server].upstream)
        shelf.place = place
        try:
            return await self._shelved(server, shelf, max_age)
        except (Unsent, NoAnswer):
            return {}

    async def _known(self, server: str, max_age: float | None) -> dict[str, Tool]:
        return await self._shelved(server, self._shelves[server], max_age)

    async def _shelved(self, server: str, shelf: _Shelf, max_age: float | None) -> dict[str, Tool]:
        began = self._clock()
        if shelf.tools is not None and began - shelf.at <= (self._ttl if max_age is None else max_age):
            return shelf.tools
        if max_age is None and began - shelf.failed_at < RETRY_SECONDS:
            return _last_list(shelf)
        async with shelf.lock:
            if shelf.tools is not None and shelf.at >= began:
                return shelf.tools  # somebody asked while we waited
            if shelf.failed_at < began:
                await self._ask(server, shelf)
        if shelf.failure is None and shelf.tools is not None:
            return shelf.tools
        if max_age is not None:
            raise _failure(shelf)
        return _last_list(shelf)

    async def _ask(self, server: str, shelf: _Shelf) -> None:
        asked_at = self._clock()
        shelf.at = asked_at  # before asking, so that a change announced meanwhile outdates the answer
        try:
            definitions = await shelf.upstream.list_tools(
                session=shelf.place.session, capabilities=shelf.place.capabilities
            )
        except (Unsent, NoAnswer) as err:
            shelf.at = float("-inf")
            shelf.failed_at, shelf.failure = self._clock(), err
            log.warning("tools of upstream not known: %s", err, extra={"server": server})
            return
        except asyncio.CancelledError:
            shelf.at = float("-inf")
            raise
        tools = _shelve(server, definitions, shelf.tools or {})
        seen = {name: (tool.fingerprint, tool.definition) for name, tool in tools.items() if tool.fingerprint}
        try:
            drifted = await self._compare(server, seen)
        except Unavailable:
            # Nobody can say that nothing changed, so nothing is taken as unchanged.
            shelf.at = float("-inf")
            shelf.failed_at = self._clock()
            shelf.failure = NoAnswer("its tools cannot be compared with those that were accepted")
            return
        shelf.tools = {name: replace(tool, drifted=name in drifted) for name, tool in tools.items()}
        shelf.failure = None
        self._warn(server, shelf)

    def _warn(self, server: str, shelf: _Shelf) -> None:
        tools = shelf.tools or {}
        found = frozenset((name, tool.unusable) for name, tool in tools.items() if tool.unusable is not None)
        for name, why in sorted(found - shelf.warned):
            log.warning("upstream tool left out: %s", why, extra={"server": server, "tool": name})
        shelf.warned = found


def _usable(known: Mapping[str, Tool]) -> list[Tool]:
    return [known[name] for name in sorted(known) if known[name].unusable is None and not known[name].drifted]


def _last_list(shelf: _Shelf) -> dict[str, Tool]:
    if shelf.tools is None:
        raise _failure(shelf)
    return shelf.tools


def _failure(shelf: _Shelf) -> Unsent | NoAnswer:
    # A new one each time: one exception raised in many tasks would collect all their tracebacks.
    failure = shelf.failure
    if failure is None:
        return NoAnswer("the server's tools are not known yet")
    return type(failure)(str(failure))


def _shelve(server: str, definitions: list[dict[str, Any]], before: dict[str, Tool]) -> dict[str, Tool]:
    counts = Counter(str(definition.get("name")) for definition in definitions)
    tools: dict[str, Tool] = {}
    for definition in definitions:
        name = str(definition.get("name"))
        tool = _tool(server, name, definition, before.get(name), times=counts[name])
        tools[tool.name] = tool
    return tools


def _tool(server: str, name: str, definition: dict[str, Any], before: Tool | None, *, times: int) -> Tool:
    try:
        fingerprint = of_tool(definition)
    except (ValueError, RecursionError) as err:
        return _unusable(server, name, definition, "", f"its definition has no exact form ({str(err)[:200]})")
    if times > 1:
        return _unusable(server, name, definition, fingerprint, f"the server lists {times} tools of this name")
    if before is not None and before.fingerprint == fingerprint and before.check is not None:
        return replace(before, drifted=False)
    why = _misfit(name, definition)
    if why is not None:
        return _unusable(server, name, definition, fingerprint, why)
    try:
        check = ArgumentCheck(definition.get("inputSchema"))
    except UnusableSchema as err:
        return _unusable(server, name, definition, fingerprint, str(err))
    return Tool(server=server, name=name, definition=definition, fingerprint=fingerprint, check=check)


def _misfit(name: str, definition: dict[str, Any]) -> str | None:
    if not isinstance(definition.get("name"), str) or not _NAME.fullmatch(name):
        return "its name is not 1 to 128 of the characters A-Z a-z 0-9 _ . - /"
    if len(repr(definition)) > _MAX_DEFINITION_BYTES:
        return f"its definition is longer than {_MAX_DEFINITION_BYTES} characters"
    execution = definition.get("execution")
    if isinstance(execution, dict) and execution.get("taskSupport") == "required":
        return "it can only be called as a task, which is not passed through"
    return None


def _unusable(server: str, name: str, definition: dict[str, Any], fingerprint: str, why: str) -> Tool:
    return Tool(server=server, name=name[:256], definition=definition, fingerprint=fingerprint, unusable=why)
