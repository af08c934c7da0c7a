"""Requests of ours to a client of the older eras: under which id they were sent, and who waits for the answer.

Ids are unguessable and belong to one session, so that no other client can answer. An answer nobody asked for, or asked
for no more, is taken and forgotten (protocol.md 1.2).
"""

from __future__ import annotations

import asyncio
import logging
import secrets

from gateway.protocol.jsonrpc import METHOD_NOT_FOUND, Response
from gateway.upstreams import Result, RpcError

log = logging.getLogger(__name__)

MOST = 50
"""How many questions one client may have open."""
NOBODY = RpcError(code=METHOD_NOT_FOUND, message="There is no client that could be asked.")
LEFT = RpcError(code=METHOD_NOT_FOUND, message="The client left before it answered.")
LATE = RpcError(code=-32603, message="The client did not answer in time.")
TOO_MANY = RpcError(code=-32603, message=f"The client has {MOST} questions open already. Ask one after the other.")


class Questions:
    """The open questions of one session."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[str, tuple[asyncio.Future[Result | RpcError], object]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, line: object) -> tuple[str, asyncio.Future[Result | RpcError]] | None:
        """A new id and what will hold its answer, None where too many are open."""
        if len(self._open) >= MOST:
            return None
        rpc_id = f"placet-{secrets.token_urlsafe(15)}"
        future: asyncio.Future[Result | RpcError] = asyncio.get_running_loop().create_future()
        self._open[rpc_id] = future, line
        return rpc_id, future

    def forget(self, rpc_id: str) -> None:
        """Nobody waits for this answer any more."""
        self._open.pop(rpc_id, None)

    def answered(self, response: Response) -> bool:
        """Hand the client's answer to who asked; whether somebody did."""
        future, _ = self._open.pop(response.id, (None, None)) if isinstance(response.id, str) else (None, None)
        if future is None or future.done():
            log.info("a client answered what nobody asked", extra={"open": len(self._open)})
            return False
        future.set_result(_answer(response))
        return True

    def end(self, line: object) -> None:
        """The client of this line has gone: whoever waits for what it was asked on it learns so."""
        for future, asked_on in self._open.values():
            if asked_on is line and not future.done():
                future.set_result(LEFT)


def _answer(response: Response) -> Result | RpcError:
    if response.error is None:
        return Result(raw=response.result or b"{}")
    error = response.error
    return RpcError(code=error["code"], message=error["message"], data=error.get("data"))
