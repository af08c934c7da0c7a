"""One request to an upstream, apart from transport and era.

An `Ask` knows its method, its params and who listens; a transport gives it an id and an era and
gets the text to send. `Mark` is the border of at-most-once: it is set right before the first byte.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gateway.upstreams import Outgoing, Progress, nothing
from gateway.upstreams import rpc as envelopes


def _version() -> str:
    try:
        return version("placet")
    except PackageNotFoundError:  # run from a tree that was never installed
        return "0"


CLIENT_INFO = {"name": "placet", "version": _version()}
GATEWAY_ITSELF = ""
"""The session key of requests that are made for no agent."""


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
    """What is asked. With `call` it is a `tools/call`, else `method` with plain `params`."""

    method: str
    params: dict[str, Any] = field(default_factory=dict)
    call: Outgoing | None = None
    progress: Progress | None = None
    mark: Mark = field(default_factory=Mark)

    @property
    def agent(self) -> str:
        """Whose session it goes through."""
        return self.call.agent if self.call else GATEWAY_ITSELF

    @property
    def repeatable(self) -> bool:
        """Whether asking twice does no harm."""
        return self.call is None

    def text(self, request_id: int, *, version: str | None) -> bytes:
        """The body; `version` is the modern protocol version, None in the legacy era."""
        meta = envelopes.meta_text(
            self.call.meta if self.call else b"{}",
            version=version,
            progress_token=request_id if self.progress else None,
            client=CLIENT_INFO,
        )
        if self.call is None:
            return envelopes.request(request_id, self.method, envelopes.with_meta(self.params, meta))
        params = envelopes.call_params(tool=self.call.tool, arguments=self.call.arguments, meta=meta)
        return envelopes.request(request_id, self.method, params)


def calling(call: Outgoing, progress: Progress | None, mark: Mark) -> Ask:
    """The ask of a `tools/call`."""
    return Ask(method="tools/call", call=call, progress=progress, mark=mark)


def initialize(version: str) -> Ask:
    """The legacy handshake's first request."""
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": CLIENT_INFO}
    return Ask(method="initialize", params=params)


def discovering() -> Ask:
    """The modern era's first request."""
    return Ask(method="server/discover")
