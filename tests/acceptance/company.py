"""A company around one gateway, for the tests of what every approval needs: people, agents, Slack, mail and rules.

The gateway is the real process; Slack is the look-alike, mail is a real SMTP server. One company serves a whole module:
each test takes an agent that nobody has used and a receiver of its own, and leaves the others alone.
"""

from __future__ import annotations

import asyncio
import email
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import Envelope
from mcp import Client

from approvals import tokens
from tests.acceptance.agents import Agent, Said, heard, sdk
from tests.acceptance.counting import ASKS
from tests.acceptance.harness import PATIENCE_SECONDS, Placet, Reviewer, agent_token, free_port, person_token
from tests.acceptance.office import VAULT, Office, closed_office

OWNER = "olga@example.com"
ADA, BOB = "ada@example.com", "bob@example.com"
CLEO, DAN, ALMA, OTTO, AUDRA = (f"{name}@example.com" for name in ("cleo", "dan", "alma", "otto", "audra"))
PEOPLE: dict[str, dict[str, Any]] = {
    OWNER: {"name": "Olga", "roles": ["viewer"], "slack": "U0OLGA"},
    CLEO: {"name": "Cleo", "roles": ["reviewer"], "groups": ["security"]},
    DAN: {"name": "Dan", "roles": ["reviewer"]},
    ALMA: {"name": "Alma", "roles": ["reviewer", "admin"], "groups": ["finance"]},
    OTTO: {"name": "Otto", "roles": ["operator"]},
    AUDRA: {"name": "Audra", "roles": ["auditor"]},
}


def asks(**approval: Any) -> dict[str, Any]:
    """A rule that asks people on these terms."""
    return {**ASKS, "approval": approval}


TO_VAULT = [f"slack:{VAULT}"]
TOOLS: dict[str, Any] = {
    "pay": {**asks(justification="optional"), "reason": "Money needs a person"},
    "note": asks(grants="always"),
    "free": {},
    "never": {"action": "deny", "reason": "Nobody does this"},
    "wire": asks(factors=[{"group": "finance", "count": 2}, {"group": "security", "count": 1}]),
    "sign": asks(four_eyes=True),
    "brief": asks(timeout="1s"),
    "silent": asks(timeout="1s", on_timeout="allow"),
    "climb": asks(timeout="1s", on_timeout="escalate", escalate=[{"to": ["group:oncall"], "timeout": "10m"}]),
    "lost": asks(channels=TO_VAULT),
    "found": asks(channels=TO_VAULT, escalate=[{"undelivered": True, "to": ["group:oncall"], "channels": ["web"]}]),
    "hers_alone": asks(delegation=False),
    "wipe_disk": {"approval": {"timeout": "14m"}},
    "risk:destructive": asks(reviewers=["group:security"]),
    "alone": asks(execute_on_approve=True),
    "window": asks(cancel_window="30m"),
    "big": {
        **ASKS,
        "approve_if": [
            {
                "conditions": [{"path": "args.amount", "op": "gt", "value": 500}],
                "approval": {"reviewers": ["group:security"]},
            }
        ],
    },
}
ON_CALL = f"shifts: [{{from: 2026-01-01T00:00, to: 2099-01-01T00:00, people: [{DAN}]}}]\n"
HIRED = 30


class Post:
    """The mail server of the company, and what it was handed."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self._loop, self._arrived = asyncio.get_running_loop(), asyncio.Event()

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:
        """Keep a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        self._loop.call_soon_threadsafe(self._arrived.set)  # mail is served in a thread of its own
        return "250 OK"

    async def mailed(self, to: str, request: Mapping[str, Any]) -> str:
        """Wait for somebody's mail about a request; its text."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (text := self._text(to, request)) is None:
                self._arrived.clear()
                await self._arrived.wait()
        return text

    def _text(self, to: str, request: Mapping[str, Any]) -> str | None:
        parts = [mail.get_body(("plain",)) for mail in self.mails if mail["To"] == to]
        texts = [part.get_content() for part in parts if part is not None]
        return next((text for text in texts if request["id"] in text), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Official:
    """The official client, with what it hears in the form of these tests."""

    client: Client

    async def call(self, tool: str, arguments: Mapping[str, Any], **options: Any) -> Said:
        """Call a tool and wait for whatever comes of it."""
        return heard(await self.client.call_tool(tool, dict(arguments), **options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Company:
    """The running gateway and everybody around it."""

    office: Office
    post: Post
    keys: Mapping[str, tokens.Token]
    fresh: list[tokens.Token]
    almas: tokens.Token

    @property
    def placet(self) -> Placet:
        """The gateway."""
        return self.office.shop.placet

    @property
    def ada(self) -> Reviewer:
        """Ada of finance."""
        return self.office.shop.ada

    @property
    def bob(self) -> Reviewer:
        """Bob of finance."""
        return self.office.shop.bob

    def person(self, who: str) -> Reviewer:
        """Somebody else, by address."""
        return Reviewer(self.placet, self.keys[who])

    def seen(self, to: str) -> int:
        """How many calls for this receiver have reached the server."""
        return self.office.shop.seen(to)

    def token(self) -> tokens.Token:
        """The key of an agent that nobody has used."""
        return self.fresh.pop()

    def raw(self, token: tokens.Token | None = None) -> Agent:
        """An agent that can leave, be killed with its gateway, and say what no library says."""
        return Agent(self.placet, "shop", token or self.token())

    @asynccontextmanager
    async def agent(self, token: tokens.Token | None = None) -> AsyncIterator[Official]:
        """An agent that speaks through the official client."""
        async with sdk(self.placet, "shop", "auto", token or self.token()) as client:
            yield Official(client=client)

    async def act(self, who: Reviewer, request: Mapping[str, Any], deed: str, **body: Any) -> tuple[int, Any]:
        """Do something to a request over REST."""
        return await who.ask("POST", f"/api/v1/requests/{request['id']}/{deed}", body)

    async def timeline(self, request: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What happened to a request, as who may see everything reads it."""
        status, body = await self.person(AUDRA).ask("GET", f"/api/v1/requests/{request['id']}/timeline")
        assert status == 200, body
        return list(body["events"])


def payment(to: str, amount: int = 5) -> dict[str, Any]:
    """The arguments of a call."""
    return {"to": to, "amount": amount}


@asynccontextmanager
async def open_company(
    folder: Path, *, limits: Mapping[str, Any] | None = None, **config: Any
) -> AsyncIterator[Company]:
    """The whole company, running. `limits` are settings of `approvals`."""
    post, port = Post(), free_port()
    keys = {who: person_token() for who in PEOPLE}
    fresh, almas = [agent_token() for _ in range(HIRED)], agent_token()
    more = ",".join(tool for tool in TOOLS if tool != "pay" and ":" not in tool)
    controller = Controller(post, hostname="127.0.0.1", port=port)
    controller.start()
    (folder / "oncall.yaml").write_text(ON_CALL)
    try:
        async with closed_office(
            folder,
            tools=TOOLS,
            server={"env": {"MORE_TOOLS": more}},
            limits={"friction": {"mode": "tell"}, **(limits or {})},
            oncall={"oncall": {"file": "oncall.yaml"}},
            email={"smtp": f"smtp://127.0.0.1:{port}", "from": "placet@example.com"},
            **config,
        ) as office:
            office.slack.add_user("U0OLGA", "Olga", OWNER)
            written = office.shop.placet.config
            written["people"] |= {who: {**PEOPLE[who], "token_sha256": key.sha256} for who, key in keys.items()}
            about = [(f"worker-{n}", token, OWNER) for n, token in enumerate(fresh)] + [("hers", almas, ALMA)]
            written["agents"] |= {
                name: {"token_sha256": key.sha256, "owner": owner, "servers": ["shop"]} for name, key, owner in about
            }
            office.shop.placet.write_config()
            await office.start()
            yield Company(office=office, post=post, keys=keys, fresh=fresh, almas=almas)
    finally:
        controller.stop()
