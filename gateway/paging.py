"""Lists cut into pages of our own, with cursors that only we can make and read (protocol.md 1.1).

A cursor is sealed to its agent and to the very list it was given for, so that it opens on every replica and for nobody
else. One of tools names the last tool of its page: what changes in the list meanwhile shifts no page, and a client that
is half through never has to begin anew.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.protocol.state_token import NONCE_BYTES, Bound, seal, unseal

PAGE_ITEMS = 500
"""As many as fit for clients that never ask for a second page, and few enough to be read at once."""
PAGE_BYTES = 1024 * 1024
CURSOR_SECONDS = 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A tool in the list of one path: whose it is, its own name there, and its definition as it is shown."""

    server: str
    name: str
    listing: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolPage:
    """One page of tools, and where the next begins."""

    tools: Sequence[Mapping[str, Any]]
    next_cursor: str | None = None


class Cursors:
    """Gives out cursors, and takes them back."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def give(self, *, agent: str, of: str, content: dict[str, Any]) -> str:
        """A cursor into a list; `of` says which."""
        expires = int(time.time()) + CURSOR_SECONDS
        return seal(self._key, secrets.token_bytes(NONCE_BYTES), _bound(agent, of), content, expires=expires)

    def take(self, cursor: object, *, agent: str, of: str) -> dict[str, Any] | None:
        """What a cursor says; None if it is not one of ours for this list, or has run out."""
        if not isinstance(cursor, str):
            return None
        return unseal(self._key, _bound(agent, of), cursor, now=int(time.time()))

    def tools(
        self, shown: Sequence[Shown], cursor: str | None, *, agent: str, path: str, servers: Sequence[str]
    ) -> ToolPage | None:
        """The page that begins after a cursor; None if the cursor is no good.

        `shown` is in the order of `servers`, and of names within each; `path` tells the lists of an agent apart.
        """
        of, start = f"tools/list {path}", 0
        if cursor is not None:
            after = self.take(cursor, agent=agent, of=of)
            if after is None or after["s"] not in servers:
                return None
            start = _first_after(shown, servers, (after["s"], after["n"]))
        end = _end(shown, start)
        tools = [one.listing for one in shown[start:end]]
        if end >= len(shown):
            return ToolPage(tools=tools)
        last = {"s": shown[end - 1].server, "n": shown[end - 1].name}
        return ToolPage(tools=tools, next_cursor=self.give(agent=agent, of=of, content=last))


def _bound(agent: str, of: str) -> Bound:
    return Bound(purpose="cursor", agent=agent, digest=of)


def _first_after(shown: Sequence[Shown], servers: Sequence[str], last: tuple[str, str]) -> int:
    place = {name: number for number, name in enumerate(servers)}
    after = (place[last[0]], last[1])
    return sum((place[one.server], one.name) <= after for one in shown)


def _end(shown: Sequence[Shown], start: int) -> int:
    """Where the page ends: it has a tool at least, and then as many as its bounds allow."""
    size, end = 0, start
    for one in shown[start : start + PAGE_ITEMS]:
        size += len(json.dumps(one.listing))
        if size > PAGE_BYTES and end > start:
            break
        end += 1
    return end
