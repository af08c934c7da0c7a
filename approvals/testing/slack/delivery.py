"""What was sent to the app and what it answered, and the way there over signed HTTP.

`HttpRoute` and `socket_mode.SocketMode` are two ways for the same three kinds of payload: `interactive`,
`slash_commands`, `events_api`. An app has three seconds; a click that is not answered is lost.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum

from aiohttp import ClientError, ClientSession, ClientTimeout

from approvals.testing.slack import limits
from approvals.testing.slack.clock import Clock
from approvals.testing.slack.signing import Forgery, command_body, forged, interactive_body, signed
from approvals.testing.slack.state import Json


class Kind(StrEnum):
    """The three kinds of payload, by their Socket Mode name."""

    INTERACTIVE = "interactive"
    COMMAND = "slash_commands"
    EVENT = "events_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the app said: `acked` is what Slack calls success, `problem` what the person is told."""

    acked: bool
    body: Json | None = None
    status: int | None = None
    text: str = ""
    problem: str | None = None


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One payload on its way, kept so that a test can look at it or send it again."""

    kind: Kind
    payload: Json
    via: str
    id: str = ""
    url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    answer: Answer | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestUrls:
    """Where the app listens."""

    interactions: str
    events: str
    commands: str

    @classmethod
    def below(cls, base: str) -> RequestUrls:
        """Placet's own paths under its public address."""
        root = base.rstrip("/") + "/slack"
        return cls(interactions=f"{root}/interactions", events=f"{root}/events", commands=f"{root}/commands")

    def of(self, kind: Kind) -> str:
        """The address for one kind."""
        return {Kind.INTERACTIVE: self.interactions, Kind.EVENT: self.events, Kind.COMMAND: self.commands}[kind]


def lost(problem: str, *, status: int | None = None, text: str = "") -> Answer:
    """The app did not answer as it should have."""
    return Answer(acked=False, problem=problem, status=status, text=text)


@dataclass(slots=True, kw_only=True)
class HttpRoute:
    """Signed posts to the app's Request URLs."""

    urls: RequestUrls
    secret: str
    clock: Clock
    session: ClientSession
    ack_seconds: float = limits.ACK_SECONDS

    async def send(self, kind: Kind, payload: Json, *, forge: Forgery | None, retry: int = 0) -> Delivery:
        """Post one payload, honestly or not."""
        body, content_type = _encoded(kind, payload)
        if forge is None:
            headers = signed(self.secret, self.clock(), body, content_type)
        else:
            headers, body = forged(forge, self.secret, self.clock(), body)
            headers["Content-Type"] = content_type
        if retry:
            headers |= {"X-Slack-Retry-Num": str(retry), "X-Slack-Retry-Reason": "http_timeout"}
        delivery = Delivery(kind=kind, payload=payload, via="http", url=self.urls.of(kind), headers=headers, body=body)
        return await self.repeat(delivery)

    async def repeat(self, delivery: Delivery) -> Delivery:
        """Post the same bytes under the same headers (again)."""
        again = Delivery(
            kind=delivery.kind,
            payload=delivery.payload,
            via="http",
            url=delivery.url,
            headers=dict(delivery.headers),
            body=delivery.body,
        )
        again.answer = await self._post(again)
        return again

    async def _post(self, delivery: Delivery) -> Answer:
        try:
            async with self.session.post(
                delivery.url,
                data=delivery.body,
                headers=delivery.headers,
                allow_redirects=False,
                timeout=ClientTimeout(total=self.ack_seconds),
            ) as response:
                text = await response.text()
                if response.status != 200:
                    return lost(f"the app answered {response.status}", status=response.status, text=text)
                return Answer(acked=True, status=response.status, text=text, body=_json_object(text))
        except TimeoutError:
            return lost("the app did not answer in time")
        except ClientError as broken:
            return lost(f"the app could not be reached: {broken}")


def _encoded(kind: Kind, payload: Json) -> tuple[bytes, str]:
    if kind is Kind.EVENT:
        return json.dumps(payload).encode(), "application/json"
    body = interactive_body(payload) if kind is Kind.INTERACTIVE else command_body(payload)
    return body, "application/x-www-form-urlencoded"


def _json_object(text: str) -> Json | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
