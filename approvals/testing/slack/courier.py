"""The way to the app, whichever it is now, and the list of everything that was sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from approvals.testing.slack.clock import Changes
from approvals.testing.slack.delivery import Answer, Delivery, HttpRoute, Kind
from approvals.testing.slack.signing import Forgery
from approvals.testing.slack.socket_mode import SocketMode
from approvals.testing.slack.state import Json


@dataclass(slots=True, kw_only=True)
class Courier:
    """Sends over signed HTTP when an `http` route is set, over Socket Mode otherwise."""

    sockets: SocketMode
    changes: Changes
    http: HttpRoute | None = None
    sent: list[Delivery] = field(default_factory=list)

    async def send(self, kind: Kind, payload: Json, *, forge: Forgery | None = None, retry: int = 0) -> Answer:
        """Deliver one payload and return what the app said."""
        if self.http is not None:
            return self._kept(await self.http.send(kind, payload, forge=forge, retry=retry))
        if forge is not None:
            raise ValueError("only signed HTTP posts can be forged: call deliver_over('http', url=…) first")
        return self._kept(await self.sockets.send(kind, payload, retry=retry))

    async def repeat(self, delivery: Delivery) -> Answer:
        """Send something again, unchanged: the replay of a post, or the same envelope twice."""
        if delivery.via == "http":
            if self.http is None:
                raise ValueError("this was sent over HTTP, and deliveries now go over the socket")
            return self._kept(await self.http.repeat(delivery))
        return self._kept(await self.sockets.repeat(delivery))

    def _kept(self, delivery: Delivery) -> Answer:
        self.sent.append(delivery)
        self.changes.bump()
        if delivery.answer is None:
            raise RuntimeError("a delivery came back without an answer")
        return delivery.answer
