"""The demo's story, told in the terminal: four calls, four verdicts, and one of them waits for you."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import aiohttp

from gateway.demo.agent import DemoAgent, Told

Say = Callable[[str], None]
_PAGE = re.compile(r"https?://\S+/requests/\S+?(?=[)\s]|$)")

MAILS = 3
REFUND = {"order": "A-1002", "amount": 349.0, "reason": "Returned in its box, unopened"}


class Story:
    """Plays the agent's part and says what happens."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._page_said = False

    async def play(self, url: str, token: str) -> None:
        """Make the four calls; returns when the held one has been decided."""
        try:
            async with aiohttp.ClientSession() as http:
                await self._act(DemoAgent(http, url, token, self._progress))
        except (aiohttp.ClientError, ConnectionError):
            self._say("   agent  has lost the gateway, and stops.")

    async def _act(self, agent: DemoAgent) -> None:
        self._say("An agent works for the shop. Its calls go through Placet, which knows the shop's policy.\n")
        await self._call(agent, "find_order", {"order": "A-1002"}, "1. It looks an order up. The policy allows that.")
        await self._call(
            agent, "delete_customer", {"customer": "Alan Turing"},
            "2. It wants to delete a customer. No rule allows that: denied, and nobody is bothered.",
        )  # fmt: skip
        self._say("3. It writes mails. The policy allows two a minute, so the third has to wait.")
        for number in range(1, MAILS + 1):
            await self._call(agent, "send_mail", {"to": "Alan Turing", "text": f"Your refund, part {number}"}, None)
        await self._call(
            agent, "refund_payment", REFUND, "4. It wants to pay 349 USD back. A person must say yes. That is you."
        )

    def wrote(self, line: str) -> None:
        """The shop did something for real."""
        self._say(f"   shop   did it: {line}")

    async def _call(self, agent: DemoAgent, tool: str, arguments: dict[str, Any], before: str | None) -> None:
        if before:
            self._say(before)
        self._say(f"   agent  calls {tool} {json.dumps(arguments, ensure_ascii=False)}")
        self._told(await agent.call(tool, arguments))

    def _progress(self, text: str) -> None:
        page = _PAGE.search(text)
        if page is None:
            self._say(f"   agent  {text}")
        elif not self._page_said:
            self._page_said = True
            self._say("   placet holds the call. Nothing has been paid. Decide here, or in the look-alike of Slack:")
            self._say(f"          {page[0]}")

    def _told(self, told: Told) -> None:
        code = told.verdict.get("code", "allowed")
        self._say(f"   agent  is told ({code}): {told.text}\n")
