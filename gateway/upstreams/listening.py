"""A standing subscription, apart from transport and era: what it wants, what it got, what it heard.

A server may take the subscription up again after a gap; whoever listens is then told once that everything
may have changed, because what was announced in between was not heard.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from gateway.protocol.raw import split_object, with_members, without
from gateway.upstreams import Hear, Hello, Result, RpcError, Wants
from gateway.upstreams.bodies import META_SUBSCRIPTION, dumps, refusal
from gateway.upstreams.era import promises

_LISTS = {
    "notifications/tools/list_changed": "tools",
    "notifications/prompts/list_changed": "prompts",
    "notifications/resources/list_changed": "resources",
}
UPDATED = "notifications/resources/updated"
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
NOTHING = Wants()
SETTLES_SECONDS = 5.0
"""How long a client waits to hear what the server accepts; it is listened for all the same after that."""


class Listening:
    """One `listen`. As a `Peer` it takes what comes on a modern subscription's own stream."""

    def __init__(self, wants: Wants, *, place: tuple[str, str], hear: Hear) -> None:
        self.wants, self.place = wants, place
        self._hear = hear
        self.accepted: Wants | None = None
        self.settled = asyncio.Event()
        """The server has accepted, or cannot be reached for now."""

    def accept(self, granted: Wants) -> None:
        """The server took the subscription up; not for the first time means that there was a gap."""
        again = self.accepted is not None
        self.accepted = granted
        self.settled.set()
        if again:
            self.missed()

    def missed(self) -> None:
        """Announce everything that was accepted."""
        accepted = self.accepted or NOTHING
        for method, kind in _LISTS.items():
            if getattr(accepted, kind):
                self._hear(method, b"{}")
        for uri in sorted(accepted.uris):
            self._hear(UPDATED, dumps({"uri": uri}))

    def take(self, method: str, params: bytes) -> None:
        """Hear a notification, if it is of a kind that was accepted."""
        accepted = self.accepted or NOTHING
        kind = _LISTS.get(method)
        if kind is not None and not getattr(accepted, kind):
            return
        # An update may name a part of what was subscribed to, so the uri is not compared here.
        if method == UPDATED and not accepted.uris:
            return
        self._hear(method, params)

    async def progress(self, params: dict[str, Any]) -> None:
        """A subscription has none."""

    async def message(self, params: bytes) -> None:
        """Logs belong to requests in the modern era."""

    async def ask(self, method: str, params: bytes) -> Result | RpcError:  # noqa: ARG002 -- the protocol's shape
        """Nobody is asked on a subscription."""
        return refusal(method)

    async def paused(self) -> None:
        """A standing stream is simply followed again."""

    async def told(self, method: str, params: bytes) -> None:
        """What a modern subscription says."""
        if method == _ACKNOWLEDGED:
            self.accept(_granted(params, self.wants))
        else:
            self.take(method, _unmarked(params))


def offered(wants: Wants, hello: Hello) -> Wants:
    """The part of `wants` that a server of the session era promises; single resources are asked of it one by one."""
    return Wants(
        tools=wants.tools and promises(hello, "tools"),
        prompts=wants.prompts and promises(hello, "prompts"),
        resources=wants.resources and promises(hello, "resources"),
        uris=wants.uris if promises(hello, "resources", "subscribe") else frozenset(),
    )


def hoped_for(wants: Wants, hello: Hello) -> Wants:
    """What a client may hear from a server of the session era: many announce changes without promising to."""
    return replace(wants, uris=offered(wants, hello).uris)


def listen_params(wants: Wants) -> dict[str, Any]:
    """The params of `subscriptions/listen`."""
    kinds = {"toolsListChanged": wants.tools, "promptsListChanged": wants.prompts}
    notifications: dict[str, Any] = {name: True for name, wanted in kinds.items() if wanted}
    if wants.resources:
        notifications["resourcesListChanged"] = True
    if wants.uris:
        notifications["resourceSubscriptions"] = sorted(wants.uris)
    return {"notifications": notifications}


def _granted(params: bytes, wants: Wants) -> Wants:
    said = json.loads(params).get("notifications")
    granted: dict[str, Any] = said if isinstance(said, dict) else {}
    named = granted.get("resourceSubscriptions")
    uris = frozenset(uri for uri in named if isinstance(uri, str)) if isinstance(named, list) else frozenset()
    return Wants(
        tools=wants.tools and granted.get("toolsListChanged") is True,
        prompts=wants.prompts and granted.get("promptsListChanged") is True,
        resources=wants.resources and granted.get("resourcesListChanged") is True,
        uris=wants.uris & uris,
    )


def _unmarked(params: bytes) -> bytes:
    """Without the id of our subscription, which means nothing to whoever listens."""
    meta = split_object(params).get("_meta")
    if meta is None:
        return params
    left = without(meta, frozenset({META_SUBSCRIPTION})) if meta.startswith(b"{") else b"{}"
    return without(params, frozenset({"_meta"})) if left == b"{}" else with_members(params, {"_meta": left})
