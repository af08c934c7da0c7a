"""Where a message goes that a server sends beside of its answers: on a standing stream, or over stdio.

A request of the server's goes to the client behind the only request that is under way in that session; with
none or several nobody can say whom it means, and it is refused. What is announced goes to those who listen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from gateway.upstreams.asks import Ask
from gateway.upstreams.bodies import reply
from gateway.upstreams.listening import Listening
from gateway.upstreams.peers import NOBODY, TOOLS_CHANGED, Respond
from gateway.upstreams.rpc import Asked, Told


class Talk(Protocol):
    """A request under way that takes messages."""

    @property
    def ask(self) -> Ask:
        """What was asked."""
        ...

    async def put(self, message: Told | Asked) -> None:
        """Take a message for it."""
        ...


async def hand_out(
    message: Told | Asked,
    *,
    talks: Collection[Talk],
    ears: Collection[Listening],
    respond: Respond,
    tools_changed: Callable[[], None],
) -> None:
    """Give a message to whom it is for."""
    if isinstance(message, Asked):
        talk = only(talks) if message.method != "ping" else None
        await (talk.put(message) if talk else respond(reply(message)))
        return
    match message.method:
        case "notifications/progress" | "notifications/cancelled":
            for talk in list(talks):  # each knows its own token and its own questions
                await talk.put(message)
            return
        case "notifications/message":
            talk = only(talks)
            if talk is not None:
                await talk.put(message)
                return
        case method if method == TOOLS_CHANGED:
            tools_changed()
        case _:
            pass
    for ear in list(ears):
        ear.take(message.method, message.raw)


def only(talks: Collection[Talk]) -> Talk | None:
    """The one request that a client stands behind, if it is one."""
    clients = [talk for talk in talks if talk.ask.peer is not NOBODY]
    return clients[0] if len(clients) == 1 else None
