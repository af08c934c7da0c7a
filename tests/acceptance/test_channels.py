"""A running service tells a webhook of a call, and takes the signed reply that decides it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from approvals.channels import standard_webhooks as standard
from tests.acceptance.counting import open_shop
from tests.acceptance.harness import PATIENCE_SECONDS

KEY = bytes(range(32))
SECRET = standard.PREFIX + base64.b64encode(KEY).decode()


class Receiver:
    """A system of the company's: it keeps events, and approves what it is told of."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: request.headers.getall(name, []) for name in standard.HEADERS}
        if standard.verify(KEY, headers, body, now=time.time()) is None:
            return web.Response(status=401)
        self.events.put_nowait(json.loads(body))
        return web.Response(status=202)


async def reply(url: str, data: dict[str, Any]) -> int:
    said = {"request": data["request"], "binding": data["binding"], "decision": "approve", "person": "ada@example.com"}
    body = json.dumps(said).encode()
    signed = standard.sign(KEY, id="reply-1", at=int(time.time()), body=body)
    async with ClientSession() as http, http.post(f"{url}/hooks/ledger/decision", data=body, headers=signed) as got:
        return got.status


@pytest.mark.must_have(18)
async def test_a_held_call_runs_once_a_signed_reply_approved_it(tmp_path: Path) -> None:
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/in", receiver.take)
    async with TestServer(app) as server, asyncio.timeout(PATIENCE_SECONDS * 2):
        hook = {"url": str(server.make_url("/in")), "secret": SECRET, "name": "ledger", "may_decide": True}
        async with open_shop(tmp_path, webhooks=[hook]) as it, it.agent() as agent, asyncio.TaskGroup() as group:
            called = group.create_task(agent.call("pay", {"to": "hook", "amount": 5}))
            created = await receiver.events.get()
            assert created["type"] == "placet.request.created"
            assert await reply(it.placet.url, created["data"]) == 200
            assert (await called).text == "pay 5 to hook"
            assert it.seen("hook") == 1
            while (event := await receiver.events.get())["type"] != "placet.request.outcome":
                assert event["subject"] == created["subject"]
            assert event["data"]["votes"][0]["via"] == "webhook:ledger"
