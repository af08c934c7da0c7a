"""What the agents' side needs of the gateway, as one Protocol that the pipeline implements.

The types here are all that crosses: a credential becomes a Caller, a message an InboundCall or an InboundAsk, and the
way back is a Line on which progress, logs and questions can be sent while the answer is awaited. Nothing of HTTP is in
them, so that the stdio bridge and the tests can stand in for either side. What only passes through is raw JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from approvals.domain.model import Caller, Client
from gateway.paging import ToolPage
from gateway.protocol.classify import Era
from gateway.protocol.jsonrpc import RpcId
from gateway.upstreams import Hear, InputRequired, Result, RpcError, Wants


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundCall:
    """One `tools/call` as the client sent it.

    `trace` is trace context, which passes unbound; `meta` is the rest of `_meta` without the protocol's own keys, of
    which only an allow-list may pass; `params` are the `Mcp-Param-*` headers, to be compared with the arguments
    (`gateway.protocol.headers.params_disagree`). `raw_sha256` is of the whole body, for forensics.
    `session` keys what belongs to this client alone (`InboundAsk`); `capabilities` is what it declared, as JSON text.
    `input_responses` (JSON text) and `request_state` answer an InputRequired, in the modern era.
    """

    request_id: RpcId
    name: str
    arguments: dict[str, Any]
    era: Era
    version: str
    client: Client
    raw_sha256: str
    progress_token: RpcId | None = None
    streams: bool = True
    trace: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    capabilities: bytes = b"{}"
    tasks: bool = False
    log_level: str | None = None
    input_responses: bytes | None = None
    request_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundAsk:
    """Any other request that is made of a server: a list, a read, a prompt, a completion, `logging/setLevel`.

    `params` is its JSON text without `_meta`, `inputResponses` and `requestState`; `parsed` the same, read. `name` is
    the prompt's name or the resource's uri, where the method has one. `session` is the same for all that one client
    does: of its agent and session in the older eras, of its agent alone in the modern one.
    """

    request_id: RpcId
    method: str
    params: bytes
    parsed: Mapping[str, Any]
    name: str | None
    era: Era
    version: str
    client: Client
    session: str
    capabilities: bytes = b"{}"
    log_level: str | None = None
    progress_token: RpcId | None = None
    trace: Mapping[str, str] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)
    params_headers: Mapping[str, str] = field(default_factory=dict)
    streams: bool = True
    input_responses: bytes | None = None
    request_state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskCreated:
    """The answer to a call that goes on as a task: the task's own JSON text, flat (only for who declared tasks)."""

    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What `initialize` and `server/discover` advertise on one path: capabilities, and how to work with them."""

    capabilities: Mapping[str, Any]
    instructions: str | None


Answered = Result | RpcError | InputRequired
"""What a relayed request comes to. InputRequired goes to modern clients alone."""
Called = Answered | TaskCreated
"""What a tool call comes to."""


class Line(Protocol):
    """The open way back to the client of one request.

    `request` is for the gateway to set to the approval request's id once there is one: a cancel in words finds it.
    `tells` is set with it when the answer is the request's final outcome: once that is written, `Gate.told` is called.
    """

    request: str | None
    tells: str | None

    @property
    def live(self) -> bool:
        """Whether the client can be asked on this line: older eras, with an event stream."""
        ...

    async def open(self) -> None:
        """Begin the event stream now, if the client takes one: headers are flushed, keep-alives begin. Idempotent."""
        ...

    async def progress(self, progress: float, message: str, total: float | None = None) -> None:
        """Say how far it is, if the client gave a progress token; the value is raised where it would not rise."""
        ...

    async def relay(self, params: Mapping[str, Any]) -> None:
        """Pass on the params of an upstream's own progress notification, as a continuation of what was said."""
        ...

    async def message(self, params: bytes) -> None:
        """Pass on the params text of a `notifications/message`, if the client wants logs of that level."""
        ...

    async def told(self, method: str, params: bytes) -> None:
        """Pass on another notification that belongs to this request; dropped where the era has no place for it."""
        ...

    async def pause(self) -> None:
        """End the connection, not the request: the client comes back for the rest when it likes (SEP-1699).

        For an upstream that hangs up in the middle of its answer to be asked again. Nothing where there is no way back.
        """
        ...

    async def ask(self, method: str, params: bytes) -> Result | RpcError:
        """Send the client a request on this stream, under an id of its own, and wait for what it answers.

        RpcError -32601 where nobody can be asked, -32001 when it does not answer in time. Never raises; cancelling it
        withdraws the question.
        """
        ...


class Gate(Protocol):
    """The gateway as the agents' side sees it."""

    async def identify(self, bearer: str | None) -> Caller | None:
        """The caller a token stands for; None is 401. Called with None where no token was sent (anonymous agents)."""
        ...

    def admits(self, caller: Caller) -> bool:
        """Whether what a caller came with would still let them in: an open stream ends where it does not."""
        ...

    def servers(self, caller: Caller) -> Sequence[str]:
        """The names of the servers this caller may use."""
        ...

    async def hello(self, caller: Caller, server: str | None) -> Welcome:
        """What a client is told at its start. Answers within seconds, also where the server does not."""
        ...

    async def list_tools(
        self, caller: Caller, server: str | None, *, session: str, capabilities: bytes, cursor: str | None
    ) -> ToolPage | RpcError:
        """A page of the tools this caller could call, named as on this path (`server` None is the aggregate).

        `cursor` is the gateway's own. `session` and `capabilities` are as in InboundAsk: some servers show tools only
        to who can do what they need.
        """
        ...

    async def call_tool(self, caller: Caller, server: str | None, call: InboundCall, line: Line) -> Called:
        """Judge, hold, run: the answer without era members. Cancelled when the client leaves."""
        ...

    async def ask(self, caller: Caller, server: str | None, ask: InboundAsk, line: Line) -> Answered:
        """Judge and relay any other request. A cursor in it is one of the gateway's own. Cancelled as a call is."""
        ...

    def listen(
        self, caller: Caller, server: str | None, wants: Wants, *, session: str, capabilities: bytes, hear: Hear
    ) -> AbstractAsyncContextManager[Wants]:
        """Hear of changes while the block lasts; yields what was accepted. `hear` takes method and params text."""
        ...

    async def left(self, session: str) -> None:
        """The older-era client of this session key is gone for good."""
        ...

    async def still_here(self, sessions: Callable[[], Collection[str]]) -> None:
        """`sessions` gives the keys of all older-era clients there are: whatever else began here is over."""
        ...

    async def task(self, caller: Caller, task_id: str) -> bytes | RpcError:
        """The task as it is now, as JSON text, for `tasks/get`; -32602 for a task that is not this caller's."""
        ...

    async def task_update(self, caller: Caller, task_id: str, responses: bytes) -> RpcError | None:
        """Take the answers (JSON text of `inputResponses`) to what a task asked for."""
        ...

    async def task_cancel(self, caller: Caller, task_id: str) -> RpcError | None:
        """The client cancels a task in words."""
        ...

    def watch_tasks(
        self, caller: Caller, task_ids: frozenset[str], *, hear: Callable[[bytes], None]
    ) -> AbstractAsyncContextManager[frozenset[str]]:
        """Hear of each change of these tasks, as a task's JSON text; yields those of them that are this caller's."""
        ...

    async def told(self, request_id: str) -> None:
        """The final outcome of this approval request has been written to its agent, whole."""
        ...

    async def cancelled(self, caller: Caller, line: Line, reason: str | None) -> bool:
        """The client cancelled in words the call that `line` belongs to.

        True: the call still answers by itself. False: the same agent waits for the same call on another line, and
        only this line is to end.
        """
        ...
