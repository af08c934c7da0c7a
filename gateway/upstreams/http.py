"""An upstream over Streamable HTTP, in whichever of the two eras it speaks.

The era is probed once and kept until the server contradicts it (protocol.md 3). The client's own
credentials cannot get here: only the headers of the configuration go out. `modern` and `legacy`
have the two ways to send; this file decides between them, keeps the clock, and says what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from gateway.upstreams import NoAnswer, Outgoing, Progress, Result, RpcError, Timeouts, Unsent, nothing
from gateway.upstreams.asks import Ask, Mark, calling
from gateway.upstreams.authorizer import Authorizer
from gateway.upstreams.era import HEADER_MISMATCH, MODERN_VERSIONS, AskAgain, Legacy, Modern, Stranger, judge_discover
from gateway.upstreams.headers import fault
from gateway.upstreams.legacy import LegacyDialect
from gateway.upstreams.listing import every_page
from gateway.upstreams.modern import ModernDialect, discover
from gateway.upstreams.replies import NotMcp, StatusError
from gateway.upstreams.wire import Dialect, Wire, WrongEra

log = logging.getLogger(__name__)

_NO_VERDICT = frozenset({401, 403, 408, 429, 502, 503, 504})
_LISTEN_AGAIN_SECONDS = (1.0, 60.0)


class HttpUpstream:
    """One MCP server at one address."""

    def __init__(
        self,
        *,
        name: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        authorizer: Authorizer | None = None,
    ) -> None:
        self.name = name
        self.on_tools_changed: Callable[[], None] = nothing
        self._timeouts = timeouts or Timeouts()
        self._wire = Wire(name=name, url=url, headers=headers or {}, timeouts=self._timeouts, authorizer=authorizer)
        self._dialect: Dialect | None = None
        self._probing = asyncio.Lock()
        self._known = asyncio.Event()
        self._closed = asyncio.Event()
        self._up: bool | None = None
        self._definitions: dict[str, dict[str, Any]] = {}
        self._warned: set[tuple[str, str]] = set()

    @property
    def up(self) -> bool | None:
        """Whether the last contact worked; None before the first."""
        return self._up

    async def list_tools(self) -> list[dict[str, Any]]:
        """All tools; modern ones whose header marks are wrong are left out, with a warning."""
        try:
            async with asyncio.timeout(self._timeouts.list):
                tools = await self._tools()
        except TimeoutError as err:
            self._up = False
            raise NoAnswer(f"{self.name} did not list its tools in {self._timeouts.list:g} s") from err
        except (Unsent, NoAnswer):
            self._up = False
            raise
        self._up = True
        return tools

    async def call_tool(
        self, call: Outgoing, *, progress: Progress | None, sent: Callable[[], None]
    ) -> Result | RpcError:
        """Send one `tools/call`."""
        mark = Mark(sent)
        try:
            async with asyncio.timeout(call.timeout):
                answer = await self._call(call, progress, mark)
        except TimeoutError as err:
            self._up = False
            if not mark.written:
                raise Unsent(f"{self.name} was not ready within {call.timeout:g} s") from err
            raise NoAnswer(f"{self.name} did not answer within {call.timeout:g} s") from err
        except (Unsent, NoAnswer) as err:
            self._up = False
            if isinstance(err, Unsent) or not mark.written:
                raise Unsent(str(err)) from err
            raise
        self._up = True
        return answer

    async def run(self) -> None:
        """Send courtesies and listen for changed tools, until closed or cancelled."""
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(self._wire.send_courtesies()), group.create_task(self._listen())]
            await self._closed.wait()
            for loop in loops:
                loop.cancel()

    async def close(self) -> None:
        """End the sessions and the connections."""
        self._closed.set()
        if self._dialect is not None:
            await self._dialect.close()
        await self._wire.close()

    async def _tools(self) -> list[dict[str, Any]]:
        tools = await every_page(self.name, self._ask)
        if self._dialect is not None and self._dialect.filters_tools:
            tools = [tool for tool in tools if self._callable(tool)]
        self._definitions = {str(tool.get("name")): tool for tool in tools}
        return tools

    async def _call(self, call: Outgoing, progress: Progress | None, mark: Mark) -> Result | RpcError:
        if call.definition is None:
            call = replace(call, definition=self._definitions.get(call.tool))
        answer = await self._ask(calling(call, progress, mark))
        if not isinstance(answer, RpcError) or answer.code != HEADER_MISMATCH:
            return answer
        # Refused before it ran (the code says so), because our view of the tool's schema is old. The call
        # may go again only as what was judged: a tool that changed is another tool.
        await self._tools()
        fresh = self._definitions.get(call.tool)
        if fresh is None or (call.definition is not None and not _same(fresh, call.definition)):
            self.on_tools_changed()
            return answer
        return await self._ask(calling(replace(call, definition=fresh), progress, mark))

    async def _ask(self, ask: Ask) -> Result | RpcError:
        dialect = await self._spoken()
        try:
            return await dialect.ask(ask)
        except WrongEra as err:
            self._forget(dialect)
            if ask.mark.written and not ask.repeatable and not err.rejected:
                raise
            log.info("upstream contradicts its era, probed again", extra={"server": self.name})
        dialect = await self._spoken()
        try:
            return await dialect.ask(ask)
        except WrongEra as err:
            self._forget(dialect)
            if err.error is None:
                raise
            return err.error

    async def _spoken(self) -> Dialect:
        async with self._probing:
            if self._dialect is None:
                try:
                    async with asyncio.timeout(self._timeouts.list):
                        self._dialect = await self._probe()
                except TimeoutError as err:
                    raise NoAnswer(f"{self.name} did not say what it speaks in {self._timeouts.list:g} s") from err
                self._known.set()
            return self._dialect

    async def _probe(self) -> Dialect:
        version = MODERN_VERSIONS[0]
        for _ in range(2):
            match judge_discover(await self._discover(version), asked=version):
                case Modern() as spoken:
                    return ModernDialect(self._wire, spoken, self._tools_changed)
                case Legacy():
                    return LegacyDialect(self._wire, self._tools_changed)
                case AskAgain(version=other):
                    version = other
                case Stranger(why=why):
                    raise NoAnswer(f"{self.name} cannot be used: {why}")
        raise NoAnswer(f"{self.name} refuses protocol version {version} and names it as supported")

    async def _discover(self, version: str) -> Result | RpcError:
        not_modern = RpcError(code=0, message="no JSON-RPC answer")
        try:
            return await discover(self._wire, version)
        except StatusError as err:
            if err.error is not None:
                return err.error
            if err.status in _NO_VERDICT:
                raise
            return not_modern
        except NotMcp:
            return not_modern

    def _forget(self, dialect: Dialect) -> None:
        if self._dialect is dialect:
            self._dialect = None
            self._known.clear()

    def _tools_changed(self) -> None:
        self.on_tools_changed()

    def _callable(self, tool: dict[str, Any]) -> bool:
        why = fault(tool.get("inputSchema"))
        if why is None:
            return True
        key = (str(tool.get("name"))[:128], why[:300])
        if key not in self._warned and len(self._warned) < 1000:
            self._warned.add(key)
            log.warning("upstream tool left out: %s", key[1], extra={"server": self.name, "tool": key[0]})
        return False

    async def _listen(self) -> None:
        least, most = _LISTEN_AGAIN_SECONDS
        pause, now = least, asyncio.get_running_loop().time
        while True:
            await self._known.wait()
            began = now()
            pause = most if not await self._listened() else least if now() - began > most else min(pause * 2, most)
            await asyncio.sleep(pause)

    async def _listened(self) -> bool:
        dialect = self._dialect
        if dialect is None:
            return True
        try:
            offered = await dialect.listen(self._tools_changed)
        except (Unsent, NoAnswer) as err:
            log.debug("standing stream of upstream ended: %s", err, extra={"server": self.name})
            return True
        if offered:
            self._tools_changed()  # what is announced until somebody listens again is lost
        return offered


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
