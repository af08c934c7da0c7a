"""Tool drift: a definition that changed after it was accepted is kept from agents until an operator accepts it.

The whole definition is compared by its fingerprint, so key order alone never trips it (security.md U1). Open requests
for a changed tool end at once. If the pins cannot be read, nothing is taken as unchanged: the list is not given out.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from approvals.desk import Desk
from approvals.domain.model import Cause, State
from approvals.errors import Invalid, NotThere, Refusal
from approvals.storage.pins import Pin
from approvals.storage.requests import Query
from approvals.storage.tx import Tx

log = logging.getLogger(__name__)

Seen = Mapping[str, tuple[str, Mapping[str, Any]]]
"""Fingerprint and definition by tool name."""


class Pins:
    """Compares what a server lists with what was accepted."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def compare(self, server: str, seen: Seen) -> frozenset[str]:
        """The tools that have drifted; what is met for the first time is accepted.

        Raises:
            Unavailable: the pins cannot be read or written.
        """
        known = await self._desk.db.read(lambda tx: tx.pins.of(server))
        fresh = {name: it for name, it in seen.items() if name not in known}
        moved = {name: it for name, it in seen.items() if name in known and known[name].seen_fingerprint != it[0]}
        if fresh or moved:
            await self._desk.db.write(lambda tx: _note(tx, server, fresh, moved))
        drifted = frozenset(
            name for name, it in seen.items() if name in known and known[name].accepted_fingerprint != it[0]
        )
        for name in drifted & moved.keys():
            log.warning("tool changed, kept from agents until accepted", extra={"server": server, "tool": name})
            await self._end_open(server, name, seen[name][0])
        return drifted

    async def _end_open(self, server: str, tool: str, fingerprint: str) -> None:
        states = frozenset({State.PENDING, State.APPROVED})
        for request in await self._desk.search(Query(server=server, tool=tool, states=states, limit=200)):
            if request.call.tool_fingerprint == fingerprint:
                continue
            try:
                await self._desk.cancel(request.id, actor="placet", cause=Cause.TOOL_CHANGED)
            except Refusal:
                continue


async def accept(desk: Desk, server: str, tool: str, *, fingerprint: str | None, by: str) -> Pin:
    """Accept a tool as it was last seen; `fingerprint`, if given, is the one that was looked at.

    Raises:
        NotFound: the tool was never seen.
        Invalid: it has changed again since it was looked at.
    """

    def work(tx: Tx) -> Pin:
        pin = tx.pins.of(server).get(tool)
        if pin is None:
            raise NotThere(what="tool", name=f"{tool!r} of server {server!r}")
        if not tx.pins.accept(server, tool, fingerprint or pin.seen_fingerprint, by):
            raise Invalid(field="fingerprint", why="the tool has changed again since you looked at it; look once more")
        return pin

    return await desk.db.write(work)


def difference(pin: Pin) -> Sequence[str]:
    """What changed, member by member, as lines for a terminal or a page: `- ` before, `+ ` now."""
    lines: list[str] = []
    before, now = pin.accepted_definition, pin.seen_definition
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            lines += [f"- {name}: {_text(before[name])}"] if name in before else []
            lines += [f"+ {name}: {_text(now[name])}"] if name in now else []
    return lines


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, sort_keys=True)


def _note(tx: Tx, server: str, fresh: Seen, moved: Seen) -> None:
    for name, (fingerprint, definition) in sorted(fresh.items()):
        tx.pins.first(server, name, fingerprint, definition)
    for name, (fingerprint, definition) in sorted(moved.items()):
        tx.pins.seen(server, name, fingerprint, definition)
