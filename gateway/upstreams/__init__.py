"""The gateway as a client of MCP servers: one Protocol, one file a transport.

Results stay the upstream's own JSON text (`bytes`), sliced out of its envelope and never
re-dumped, so that numbers and unknown fields reach the agent as they came. What can go wrong
has three kinds, and the difference decides whether a call may be repeated: `Unsent`, `NoAnswer`,
and `RpcError`, which is an answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

Progress = Callable[[dict[str, Any]], Awaitable[None]]
"""Receives the params of each `notifications/progress` the upstream sends for this call."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""The most an upstream may answer to one request, after decompression."""


class Unsent(Exception):
    """Provably nothing of the request was sent: connecting, TLS, or starting the process failed.

    `str()` says in plain words what is wrong with the upstream.
    """


class NoAnswer(Exception):
    """Something was sent and no valid answer came: the call may have run (`unknown`)."""


class Overlarge(NoAnswer):
    """The answer was longer than the cap; the call ran as far as we know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """The four waits of contract.md 3, in seconds. `idle` is between bytes of an answer that has begun."""

    connect: float = 5.0
    list: float = 15.0
    call: float = 300.0
    idle: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The JSON text of the `result` member; `is_error` is its `isError`."""

    raw: bytes
    is_error: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RpcError:
    """A JSON-RPC error the upstream answered: it is its answer, the call ran."""

    code: int
    message: str
    data: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One call to send. `arguments` are the canonical bytes, spliced verbatim into the body.

    `agent` keys the upstream session. `meta` holds what passes unbound (traceparent, tracestate, baggage) or
    was allow-listed; the transport adds its own progressToken and era fields. `timeout` is the whole call, in seconds.
    `definition` is the tool as it was judged: HTTP takes the `Mcp-Param-*` headers from its schema.
    """

    tool: str
    arguments: bytes
    agent: str
    timeout: float
    meta: bytes = b"{}"
    definition: dict[str, Any] | None = None


class Upstream(Protocol):
    """One MCP server behind the gateway, whatever its transport and era."""

    name: str
    on_tools_changed: Callable[[], None]
    """Called when the server says that its tools changed, or may have (it was started again)."""

    async def list_tools(self) -> list[dict[str, Any]]:
        """All tool definitions, every page, as the server sent them.

        Raises:
            Unsent, NoAnswer: the server cannot be asked, in plain words.
        """
        ...

    async def call_tool(
        self, call: Outgoing, *, progress: Progress | None, sent: Callable[[], None]
    ) -> Result | RpcError:
        """Send once and wait for the answer. Calls `sent` just before the first byte goes out, once.

        Never sends again after it, except where the server provably refused to take the request.
        Cancelling the awaiting task tells the upstream and gives up.

        Raises:
            Unsent: nothing was sent.
            NoAnswer: something was, and nobody knows.
        """
        ...

    async def run(self) -> None:
        """Supervise until cancelled (child process, standing streams). A stdio upstream works only while it runs."""
        ...

    async def close(self) -> None:
        """End sessions and processes politely; `run` returns by itself after it."""
        ...

    @property
    def up(self) -> bool | None:
        """Whether the last contact worked; None before the first."""
        ...


def nothing() -> None:
    """What `on_tools_changed` does before a catalogue is attached."""
