"""The gateway as a client of MCP servers: one Protocol, one file a transport.

Results stay the upstream's own JSON text (`bytes`), sliced out of its envelope and never
re-dumped, so that numbers and unknown fields reach the agent as they came. What can go wrong
has three kinds, and the difference decides whether a call may be repeated: `Unsent`, `NoAnswer`,
and `RpcError`, which is an answer. What a server wants of the client while it works on a request
goes to the `Peer` of that request, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""The most an upstream may answer to one request, after decompression."""


class Unsent(Exception):
    """Provably nothing of the request was sent: connecting, TLS, or starting the process failed.

    `str()` says in plain words what is wrong with the upstream.
    """


class Unfit(Unsent):
    """The request itself cannot be sent to this upstream: a fault of the request, not of the server."""


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
class InputRequired:
    """A modern server's result that asks for input first, as its own JSON text (protocol.md 2.2)."""

    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """What a server says of itself: the protocol version agreed, its capabilities as sent, its instructions."""

    version: str
    capabilities: dict[str, Any]
    instructions: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What a standing subscription is about: changed lists, and resources by uri."""

    tools: bool = False
    prompts: bool = False
    resources: bool = False
    uris: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A request to send. `params` is JSON text without `_meta`.

    `timeout` is how long the server may take, in seconds; while it waits for an answer of the client's its clock stands
    still, for at most `asking` seconds in all.

    `session` keys the upstream session (or child process) in the session era; "" is the gateway's own. `capabilities`
    are the client's, as JSON text: declared when that session begins (one that began with others is begun anew), or in
    `_meta`. `name` is what `Mcp-Name` says: tool, prompt or uri. `meta` is what passes of the client's `_meta`.
    `progress` asks the server to report, `log_level` asks a modern one for logs. `definition` is the tool as it was
    judged: HTTP takes the `Mcp-Param-*` headers from its schema. `repeatable`: asking twice does no harm. `live`: the
    client can be asked while the request is under way, so a server that speaks both eras is spoken to in the session
    era, which alone lets it ask.
    """

    method: str
    params: bytes
    session: str
    timeout: float
    name: str | None = None
    meta: bytes = b"{}"
    capabilities: bytes = b"{}"
    progress: bool = False
    log_level: str | None = None
    definition: dict[str, Any] | None = None
    repeatable: bool = False
    live: bool = False
    asking: float = 0.0


class Peer(Protocol):
    """The client behind one request, as far as the server's own traffic needs it. None of these raises."""

    async def progress(self, params: dict[str, Any]) -> None:
        """The params of a `notifications/progress`; the token in it is ours."""
        ...

    async def message(self, params: bytes) -> None:
        """The params text of a `notifications/message` (a log line)."""
        ...

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Answer a request of the server's: `elicitation/create`, `sampling/createMessage`, `roots/list`.

        Cancelled when the server takes its request back, or the request it belongs to ends.
        """
        ...

    async def told(self, method: str, params: bytes) -> None:
        """Any other notification that came with this request."""
        ...

    async def paused(self) -> None:
        """The server ended its stream without the answer, and will be asked for the rest (SEP-1699)."""
        ...


Hear = Callable[[str, bytes], None]
"""Takes method and params text of what a standing subscription hears."""


class Upstream(Protocol):
    """One MCP server behind the gateway, whatever its transport and era."""

    name: str
    on_tools_changed: Callable[[], None]
    """Called when the server says that its tools changed, or may have (it was started again)."""

    async def list_tools(self, *, session: str = "", capabilities: bytes = b"{}") -> list[dict[str, Any]]:
        """All tool definitions, every page, as the server sent them to a client that declared these capabilities.

        Raises:
            Unsent, NoAnswer: the server cannot be asked, in plain words.
        """
        ...

    async def hello(self, *, session: str = "", capabilities: bytes = b"{}") -> Hello:
        """What the server said when this session began, or at discovery.

        Raises:
            Unsent, NoAnswer: the server cannot be asked, in plain words.
        """
        ...

    async def request(self, relay: Relay, *, peer: Peer, sent: Callable[[], None]) -> Result | RpcError | InputRequired:
        """Send once and wait for the answer; meanwhile what the server says and asks goes to `peer`.

        Calls `sent` just before the first byte goes out, once. What is not `repeatable` is never sent again after it,
        whatever the server says. Cancelling the awaiting task tells the upstream.

        Raises:
            Unsent: nothing was sent.
            NoAnswer: something was, and nobody knows.
        """
        ...

    def listen(
        self, wants: Wants, *, session: str, capabilities: bytes, hear: Hear
    ) -> AbstractAsyncContextManager[Wants]:
        """Hear of changes for as long as the block lasts, across reconnections; works only while `run` goes on.

        Yields what the server accepted (all of it, where the server cannot be reached yet). After a gap everything
        accepted is announced once, because what changed meanwhile was not heard.
        """
        ...

    async def forget(self, session: str) -> None:
        """The client's session is over: end ours, once nothing is under way in it."""
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

    @property
    def trouble(self) -> str | None:
        """Why nothing is sent to it for now, to go on after its name; None while requests are."""
        ...


def nothing() -> None:
    """What `on_tools_changed` does before a catalogue is attached."""
