"""One request to an upstream, apart from transport and era.

An `Ask` is what is asked and who stands behind it; a transport gives it an id and an era and gets the
text to send. `Mark` is the border of at-most-once: it is set right before the first byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gateway.upstreams import Peer, Relay, nothing
from gateway.upstreams import bodies as text
from gateway.upstreams.peers import NOBODY


def _version() -> str:
    try:
        return version("placet")
    except PackageNotFoundError:  # run from a tree that was never installed
        return "0"


CLIENT_INFO = {"name": "placet", "version": _version()}
GATEWAY_ITSELF = ""
"""The session key of requests that are made for no agent."""
SET_LEVEL = "logging/setLevel"
"""A client's level belongs to its session: it is told again to whatever server process or session comes after."""
_FOR_EVER = float("inf")


class Mark:
    """Calls `sent` once, when the first byte is about to go out."""

    def __init__(self, sent: Callable[[], None] = nothing) -> None:
        self._sent = sent
        self.written = False

    def __call__(self) -> None:
        """The next thing that happens is a write."""
        if not self.written:
            self.written = True
            self._sent()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is asked, and the peer that hears and answers what the server says meanwhile."""

    relay: Relay
    peer: Peer = NOBODY
    mark: Mark = field(default_factory=Mark)

    @property
    def method(self) -> str:
        """The method."""
        return self.relay.method

    @property
    def place(self) -> tuple[str, str]:
        """Whose session it goes through: the session key, and the capabilities that session declares."""
        return self.relay.session, canonical(self.relay.capabilities)

    @property
    def harmless(self) -> bool:
        """Whether it may be sent (again) whatever happened to it before."""
        return self.relay.repeatable or not self.mark.written

    def text(self, request_id: int, *, version: str | None) -> bytes:
        """The body; `version` is the modern protocol version, None in the session era."""
        return text.request(request_id, self.relay, version=version, client=CLIENT_INFO)


def plain(method: str, params: dict[str, Any] | None = None, *, place: tuple[str, str] = ("", "{}")) -> Ask:
    """A request of the gateway's own, in the session of `place`, that may be repeated."""
    session, capabilities = place
    relay = Relay(
        method=method,
        params=text.dumps(params or {}),
        session=session,
        capabilities=capabilities.encode(),
        timeout=_FOR_EVER,
        repeatable=True,
    )
    return Ask(relay=relay)


def level_of(ask: Ask) -> str:
    """The level that a `logging/setLevel` sets."""
    return str(json.loads(ask.relay.params).get("level"))


def initialize(version: str, capabilities: str = "{}") -> Ask:
    """The session era's first request; `capabilities` is JSON text."""
    params = {"protocolVersion": version, "capabilities": json.loads(capabilities), "clientInfo": CLIENT_INFO}
    return plain("initialize", params)


def discovering() -> Ask:
    """The modern era's first request."""
    return plain("server/discover")


@lru_cache(maxsize=256)
def canonical(capabilities: bytes) -> str:
    """Client capabilities as one text, so that two ways to write the same declare the same.

    Raises:
        ValueError: not a JSON object.
    """
    value = json.loads(capabilities)
    if not isinstance(value, dict):
        raise ValueError("capabilities are not a JSON object")
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
