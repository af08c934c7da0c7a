"""Lists of resources and prompts: gathered from every page of every server, cut into pages of our own.

One server that is slow or dead never blocks the others. A cursor is good for the very list it was given for.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.domain.fingerprint import canonical
from approvals.domain.model import Caller
from gateway.asking import ASKS_NOTHING, LinePeer, Side, relayable
from gateway.conversation import Answer
from gateway.inbound.gate import InboundAsk, Line
from gateway.lookup import SEPARATOR
from gateway.paging import PAGE_ITEMS, Cursors
from gateway.policy.model import Verdict
from gateway.protocol.classify import Era
from gateway.protocol.raw import dump, join_array, join_object, split_array, split_object, with_members
from gateway.servers import Server
from gateway.upstreams import NoAnswer, Relay, Result, RpcError, Unsent, nothing
from gateway.work import Work, enough

log = logging.getLogger(__name__)

PAGES_MAX = 200
INVALID_PARAMS, METHOD_NOT_FOUND = -32602, -32601
UNREACHABLE, REFUSED = 1, 2
"""Our own codes, outside the ranges of JSON-RPC and MCP (protocol.md 1.1)."""

LISTS = {"resources/list": "resources", "resources/templates/list": "resourceTemplates", "prompts/list": "prompts"}
"""The lists, and the member each has its items in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Page:
    """One server's whole list: its items' own text."""

    server: Server
    items: list[bytes]


class Lists:
    """Answers the list methods."""

    def __init__(self, cursors: Cursors, work: Work, *, patience: float) -> None:
        self._cursors, self._work, self._patience = cursors, work, patience

    async def page(
        self, caller: Caller, servers: Sequence[Server], ask: InboundAsk, line: Line, *, prefixed: bool
    ) -> Answer:
        """One page of a list, for one caller on one path."""
        member, kind = LISTS[ask.method], ask.method.partition("/")[0]
        open_to = [one for one in servers if allows(one, kind)]
        if not open_to:
            return refused(ask.method) if servers else nowhere(ask)
        pages = await self._pages(open_to, ask, line, member)
        failed = [page for page in pages if isinstance(page, RpcError)]
        if len(failed) == len(pages):
            return failed[0]
        items = [
            _prefixed(item, page.server) if prefixed and kind == "prompts" else item
            for page in pages
            if isinstance(page, _Page)
            for item in page.items
        ]
        return self._cut(caller, ask, member, items)

    async def _pages(
        self, servers: Sequence[Server], ask: InboundAsk, line: Line, member: str
    ) -> list[_Page | RpcError]:
        """What each server lists; one that is slow is left out once another has answered."""
        jobs = [self._work.begin(_whole(one, ask, line, member)) for one in servers]
        try:
            await enough([job.done for job in jobs], patience=self._patience, good=lambda page: isinstance(page, _Page))
            return [
                job.done.result() if job.done.done() else _late(one) for one, job in zip(servers, jobs, strict=True)
            ]
        finally:
            for job in jobs:
                job.cancel()

    def _cut(self, caller: Caller, ask: InboundAsk, member: str, items: list[bytes]) -> Answer:
        digest = hashlib.sha256(b"\x00".join(items)).hexdigest()
        of = f"{ask.method} {digest}"
        start, cursor = 0, ask.parsed.get("cursor")
        if cursor is not None:
            content = self._cursors.take(cursor, agent=caller.agent, of=of)
            if content is None:
                why = "At /params/cursor: it is not one of ours, or the list has changed since. List from the start."
                return RpcError(code=INVALID_PARAMS, message=why)
            start = int(content["o"])
        end = start + PAGE_ITEMS
        members = {member: join_array(items[start:end])}
        if end < len(items):
            members["nextCursor"] = dump(self._cursors.give(agent=caller.agent, of=of, content={"o": end}))
        return Result(raw=join_object(members))


def _late(server: Server) -> RpcError:
    log.warning("list of a server is not waited for", extra={"server": server.name})
    return RpcError(code=UNREACHABLE, message=f"The server {server.name} has not answered yet.")


async def _whole(server: Server, ask: InboundAsk, line: Line, member: str) -> _Page | RpcError:
    items: list[bytes] = []
    params: dict[str, Any] = {}
    for _ in range(PAGES_MAX):
        relay = relay_of(ask, params=canonical(params), name=None, seconds=server.list_seconds, level=None)
        try:
            peer = LinePeer(side=side_of("", ask, line), check=ASKS_NOTHING)
            answer = await server.upstream.request(relay, peer=peer, sent=nothing)
        except (Unsent, NoAnswer) as err:
            log.warning("list of a server cannot be had: %s", err, extra={"server": server.name})
            return RpcError(code=UNREACHABLE, message=f"The server {server.name} cannot be asked: {err}.")
        if isinstance(answer, RpcError):
            # A server that does not have the method has nothing to list.
            return _Page(server=server, items=[]) if answer.code == METHOD_NOT_FOUND else answer
        if not isinstance(answer, Result):
            return RpcError(code=UNREACHABLE, message=f"The server {server.name} wanted input for a list.")
        members = split_object(answer.raw)
        items += split_array(members.get(member, b"[]"))
        cursor = members.get("nextCursor", b"null")
        if cursor == b"null":
            break
        params = {"cursor": json.loads(cursor)}
    return _Page(server=server, items=items)


def allows(server: Server, kind: str) -> bool:
    """Does every layer of the server's policy let resources (or prompts) through? No policy lets nothing through."""
    if not server.policies:
        return False
    if kind == "prompts":
        return all(policy.prompts_default is Verdict.ALLOW for policy in server.policies)
    return all(policy.resources_default is Verdict.ALLOW for policy in server.policies)


def relay_of(
    ask: InboundAsk, *, params: bytes, name: str | None, seconds: float, level: str | None, live: bool = False
) -> Relay:
    """The request to send for an ask; `params` and `name` as the server knows them."""
    return Relay(
        method=ask.method,
        params=params,
        session=ask.session,
        timeout=seconds,
        name=name,
        meta=canonical(dict(ask.trace)),
        capabilities=relayable(ask.capabilities),
        progress=ask.progress_token is not None,
        log_level=ask.log_level or level,
        repeatable=True,
        live=live,
    )


def side_of(agent: str, ask: InboundAsk, line: Line) -> Side:
    """The client's side of an ask."""
    return Side(
        agent=agent,
        line=line,
        modern=ask.era is Era.MODERN,
        session=ask.session,
        digest="",
        capabilities=ask.capabilities,
        progress=ask.progress_token is not None,
        log_level=ask.log_level,
        answers=ask.input_responses,
        state=ask.request_state,
    )


def _prefixed(item: bytes, server: Server) -> bytes:
    name = json.loads(split_object(item).get("name", b'""'))
    return with_members(item, {"name": dump(f"{server.name}{SEPARATOR}{name}")})


def refused(method: str) -> RpcError:
    """The policy lets none of it through."""
    what = "prompts" if method.startswith("prompts") else "resources"
    why = f"The policy lets no {what} through here, and {method} was not sent. Do not try it again."
    return RpcError(code=REFUSED, message=why)


def nowhere(ask: InboundAsk) -> RpcError:
    """No server of the path has it."""
    return RpcError(code=INVALID_PARAMS, message=f"No server here has {str(ask.name)[:200]!r}.")
